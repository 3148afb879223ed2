import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isatty } from "node:tty";
import { type Command, type Io, runCommand, runProcess } from "wait-fs/cli";
import { usageError } from "wait-fs/command-line";
import { isMet } from "wait-fs/condition";
import { holdLease } from "wait-fs/lease";
import { datedLog, type Log, plainLog, silent } from "wait-fs/log";
import { SHARE } from "wait-fs/markers";
import { openVolume } from "wait-fs/shared-volume";
import { EXIT_CODES, oneLine } from "wait-fs/tool-error";
import { exitStatus } from "./exit-status.ts";
import { placeInputs } from "./inputs.ts";
import { type LaunchSteps, launch } from "./launch.ts";
import { type LaunchPlan, launchPlan, USAGE } from "./options.ts";
import { outputPlaces, removeOldCopies } from "./output-places.ts";
import { makeSharedFolder, saveOutput } from "./outputs.ts";
import { type RunResult, runApplication } from "./run-application.ts";
import { catchSignals } from "./signals.ts";

const command: Command<typeof USAGE.options> = {
  ...USAGE,
  run: (line, io) => {
    checkEncoding();
    const plan = launchPlan(line);
    const log = plan.quiet ? silent : plainLog(io.stderr);
    for (const text of introduction(plan, line.args)) log(text);
    const terminal = isatty(0);
    const signals = catchSignals(terminal);
    const warn = (text: string) => io.stderr(`launcher: ${oneLine(text)}\n`);
    const run = () => runApplication(plan.command, { ...plan, signals, terminal });
    if (!isMet(plan.onlyIf, io.env)) return runOnly(run, warn);
    const waitLog = plan.quiet ? silent : datedLog("wait-fs", io.stderr);
    const context = { attempt: randomUUID(), volume: openVolume(plan.share), signals, waitLog, warn };
    return launch(plan, context, { ...stepsOnDisk(plan, warn), run });
  },
};

/** The `launcher` executable: gives the exit code. */
export const main = (argv: string[], io: Io): Promise<number> => runCommand(command, argv, io);

/** The steps of a launch that read and write files. */
function stepsOnDisk({ share, outputs }: LaunchPlan, warn: Log): Omit<LaunchSteps, "run"> {
  return {
    takeLease: async () => {
      makeSharedFolder(share);
      return holdLease(join(share, SHARE.lease), warn);
    },
    clearOutputs: async () => {
      const places = outputPlaces(share, outputs);
      removeOldCopies(share, places);
      return places.map(({ path }) => path);
    },
    placeInputs: (folder) => placeInputs(share, folder, warn),
    save: (path) => saveOutput(share, path, warn),
  };
}

/** The launch of a command of which nothing is to be saved. */
async function runOnly(run: () => Promise<RunResult>, warn: Log): Promise<number> {
  const { end, timedOut } = await run();
  const { exitCode, reason } = exitStatus(end);
  if (reason !== null) warn(reason);
  return timedOut ? EXIT_CODES.timedOut : exitCode;
}

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
