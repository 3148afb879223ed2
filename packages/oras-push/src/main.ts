import { runCommand } from "shared/cli/command";
import type { Io } from "shared/cli/io";
import { runProcess } from "shared/cli/process";
import { injectCommand } from "./commands/inject.ts";
import { lineageCommand } from "./commands/lineage.ts";
import { listCommand } from "./commands/list.ts";
import { withCommandHint } from "./commands/other-commands.ts";
import { pruneCommand } from "./commands/prune.ts";
import { pullCommand } from "./commands/pull.ts";
import { pushCommand } from "./commands/push.ts";
import { reportCommand } from "./commands/report.ts";
import { sidecarCommand } from "./commands/sidecar.ts";

/** The `oras-push` executable. Returns the exit code. */
export function main(argv: string[], io: Io): Promise<number> {
  const [name, ...rest] = argv;
  if (name === "lineage") return runCommand(lineageCommand, rest, io);
  if (name === "list") return runCommand(listCommand, rest, io);
  if (name === "prune") return runCommand(pruneCommand, rest, io);
  if (name === "pull") return runCommand(pullCommand, rest, io);
  if (name === "inject") return runCommand(injectCommand, rest, io);
  if (name === "report") return runCommand(reportCommand, rest, io);
  if (name === "sidecar") return runCommand(sidecarCommand, rest, io);
  return runCommand(pushCommand, argv, io).catch((error: unknown) => {
    throw withCommandHint(name, error);
  });
}

if (import.meta.main) await runProcess("oras-push", main);
