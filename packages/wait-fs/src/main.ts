import { type Command, runCommand } from "shared/cli/command";
import { anySignal, deadline } from "shared/cli/deadline";
import type { Io } from "shared/cli/io";
import { datedLog, silent } from "shared/cli/log";
import { runProcess } from "shared/cli/process";
import { ToolError } from "shared/cli/tool-error";
import { existingPaths, whyMissing } from "shared/pod/existing-paths";
import { watchLease } from "shared/pod/lease";
import { holderGone } from "shared/pod/lease-end";
import { waitUntil } from "shared/pod/wait";
import { whileAlive } from "shared/pod/while-alive";
import { USAGE, type WaitFsOptions, waitFsOptions } from "./options.ts";

const command: Command<typeof USAGE.options> = { ...USAGE, run: (line, io) => waitFs(waitFsOptions(line), io) };

/** The main function of the `wait-fs` executable. Returns the exit code. */
export function main(argv: string[], io: Io): Promise<number> {
  return runCommand(command, argv, io);
}

async function waitFs(options: WaitFsOptions, io: Io): Promise<number> {
  const { paths, alive, pollSeconds, timeoutSeconds } = options;
  const log = options.quiet ? silent : datedLog("wait-fs", io.stderr);
  for (const path of paths) log(path);
  const missing = () => paths.filter((path) => whyMissing(path) !== undefined).join(", ");
  const lease = alive === undefined ? undefined : watchLease(alive);
  const look = existingPaths({ ...options, log });
  const found = await waitUntil(lease === undefined ? look : whileAlive(look, holderGone(lease.state), launcherEnded), {
    pollSeconds,
    paths: alive === undefined ? paths : [...paths, alive],
    changes: lease?.onEnd,
    signal: anySignal(io.interrupted(), deadline(timeoutSeconds, missing)),
    log,
  });
  if (options.json) io.stdout(`${JSON.stringify({ found })}\n`);
  return 0;
}

function launcherEnded(): ToolError {
  return new ToolError("launcherDied", "the launcher ended before the awaited paths existed");
}

if (import.meta.main) await runProcess("wait-fs", main);
