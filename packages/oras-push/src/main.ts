import { type Io, runCommand, runProcess } from "shared/cli/cli";
import { tellingMisuse } from "shared/cli/misuse";
import { describeError } from "shared/cli/tool-error";
import { type FailureMarker, SHARE } from "shared/pod/markers";
import { pullCommand } from "./commands/pull.ts";
import { pushCommand } from "./commands/push.ts";
import { sidecarCommand } from "./commands/sidecar.ts";

/** The `oras-push` executable. Returns the exit code. */
export function main(argv: string[], io: Io): Promise<number> {
  const [name, ...rest] = argv;
  if (name === "pull") return runCommand(pullCommand, rest, io);
  if (name === "sidecar")
    return tellingMisuse(() => runCommand(sidecarCommand, rest, io), {
      argv: rest,
      env: io.env,
      name: SHARE.initFailed,
      content: (failure): FailureMarker => {
        return { schema: 1, attempt: null, exitCode: failure.exitCode, error: describeError(failure) };
      },
    });
  return runCommand(pushCommand, argv, io);
}

if (import.meta.main) await runProcess("oras-push", main);
