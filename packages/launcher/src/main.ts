import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { isatty } from "node:tty";
import { type Command, type Io, runCommand, runProcess } from "wait-fs/cli";
import { usageError } from "wait-fs/command-line";
import { datedLog, plainLog, silent } from "wait-fs/log";
import { oneLine } from "wait-fs/tool-error";
import { launch } from "./launch.ts";
import { type LaunchPlan, launchPlan, USAGE } from "./options.ts";
import { catchSignals } from "./signals.ts";

const command: Command<typeof USAGE.options> = {
  ...USAGE,
  run: (line, io) => {
    checkEncoding();
    const plan = launchPlan(line);
    const log = plan.quiet ? silent : plainLog(io.stderr);
    for (const text of introduction(plan, line.args)) log(text);
    const terminal = isatty(0);
    return launch(plan, {
      signals: catchSignals(terminal),
      terminal,
      log,
      waitLog: plan.quiet ? silent : datedLog("wait-fs", io.stderr),
      warn: (text) => io.stderr(`launcher: ${oneLine(text)}\n`),
    });
  },
};

/** The `launcher` executable: gives the exit code. */
export const main = (argv: string[], io: Io): Promise<number> => runCommand(command, argv, io);

/** Node has arguments as text only: bytes that are none would reach the command changed, so they are refused. */
function checkEncoding(): void {
  const given = readFileSync("/proc/self/cmdline");
  if (!isUtf8(given)) throw usageError(USAGE, "an argument is not UTF-8 text");
}

/** What the operator's script says first. */
function introduction(plan: LaunchPlan, args: readonly string[]): string[] {
  return [
    "Expecting: <artifact-input> <artifact-output> <command>...",
    `Full provided set of arguments are ${oneLine(args.join(" "))}`,
    `Command is ${oneLine(plan.command.join(" "))}`,
    `Artifact input is ${plan.input ?? "NA"}`,
    `Artifact output is ${plan.outputs.join(" ") || "NA"}`,
  ];
}

if (import.meta.main) await runProcess("launcher", main);
