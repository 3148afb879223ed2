import { type Command, type Io, runCommand, runProcess } from "shared/cli/cli";
import { datedLog, silent } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { holderGone } from "shared/pod/lease-end";
import { watchLease } from "shared/pod/lease";
import { waitUntil } from "shared/pod/wait";
import { anySignal, deadline } from "shared/cli/deadline";
import { existingPaths, whyMissing } from "shared/pod/existing-paths";
import { whileAlive } from "shared/pod/while-alive";
import { USAGE, type WaitFsOptions, waitFsOptions } from "./options.ts";

const command: Command<typeof USAGE.options> = { ...USAGE, run: (line, io) => waitFs(waitFsOptions(line), io) };

/** The `wait-fs` executable: gives the exit code. */
export const main = (argv: string[], io: Io): Promise<number> => runCommand(command, argv, io);

async function waitFs(options: WaitFsOptions, io: Io): Promise<number> {
  const log = options.quiet ? silent : datedLog("wait-fs", io.stderr);
  for (const path of options.paths) log(path);
  const missing = () => options.paths.filter((path) => whyMissing(path) !== undefined).join(", ");
  const signal = anySignal(io.interrupted(), deadline(options.timeoutSeconds, missing));
  const lease = options.alive === undefined ? undefined : watchLease(options.alive);
  const look = existingPaths({ ...options, log });
  const found = await waitUntil(lease === undefined ? look : whileAlive(look, holderGone(lease.state), launcherEnded), {
    pollSeconds: options.pollSeconds,
    paths: [...options.paths, ...(options.alive === undefined ? [] : [options.alive])],
    changes: lease?.onEnd,
    signal,
    log,
  });
  if (options.json) io.stdout(`${JSON.stringify({ found })}\n`);
  return 0;
}

function launcherEnded(): ToolError {
  return new ToolError("launcherDied", "the launcher ended before what is waited for was there");
}

if (import.meta.main) await runProcess("wait-fs", main);
