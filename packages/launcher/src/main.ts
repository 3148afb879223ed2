import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { isatty } from "node:tty";
import { type Command, runCommand } from "shared/cli/command";
import type { CommandLine } from "shared/cli/command-line";
import { isMet } from "shared/cli/condition";
import type { Io } from "shared/cli/io";
import { datedLog, plainLog, silent } from "shared/cli/log";
import { runProcess } from "shared/cli/process";
import { describeError, oneLine } from "shared/cli/tool-error";
import { usageError } from "shared/cli/usage";
import { watchLease } from "shared/pod/lease";
import { writeMarker } from "shared/pod/marker-file";
import { DEFAULT_SHARE, SHARE } from "shared/pod/markers";
import { openVolume } from "shared/pod/shared-volume";
import { hasInvalidArgument, invalidVariables } from "./encoding.ts";
import type { InstallPlan } from "./install/install.ts";
import { launch } from "./launch.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { launchSteps, type RunContext, runOnly } from "./launch-steps.ts";
import { installPlan, launchPlan } from "./options.ts";
import { runStatus } from "./process/exit-status.ts";
import { type OrphanReaper, runUnderTini, TINI } from "./process/pid1.ts";
import { abortOnSignal, catchSignals, directSignals } from "./process/signals.ts";
import { doneMarker, newProgress } from "./progress.ts";
import { USAGE } from "./usage.ts";

/** The `launcher` executable. Returns the exit code. */
export function main(argv: string[], io: Io): Promise<number> {
  const progress = newProgress();
  // Both checks run before tini starts, because tini would receive changed arguments and variables that look valid.
  const valid = !hasInvalidArgument(argv);
  for (const name of invalidVariables(io.env))
    warn(io, `the environment variable ${name} is not UTF-8 text: the command receives it changed`);
  const reaper = valid ? runUnderTini(argv, io.env) : "elsewhere";
  const command: Command<typeof USAGE.options> = {
    ...USAGE,
    run: async (line, io) => {
      if (!valid) throw usageError(USAGE, "an argument is not UTF-8 text");
      return run(line, reaper, io);
    },
    onUsageError: async (failure, { share, install }) => {
      if (install !== undefined) return;
      const marker = doneMarker(randomUUID(), progress, describeError(failure));
      // If the volume cannot be written, no sidecar waits for this marker.
      await writeMarker(join(share || DEFAULT_SHARE, SHARE.doneFailed), marker).catch(() => {});
    },
  };
  return runCommand(command, argv, io);
}

async function run(line: CommandLine<typeof USAGE.options>, reaper: OrphanReaper, io: Io): Promise<number> {
  const installation = installPlan(line);
  if (installation !== undefined) return installTools(installation);
  const plan = launchPlan(line);
  const log = plan.quiet ? silent : plainLog(io.stderr);
  for (const text of introduction(plan, line.args)) log(text);
  if (reaper === "none") log(`Orphans are not reaped: no ${TINI} beside ${process.execPath}`);
  const context = runContext(reaper, io);
  if (!isMet(plan.onlyIf, io.env)) return launchOnly(plan, context);
  const waitLog = plan.quiet ? silent : datedLog("wait-fs", io.stderr);
  const sidecar = watchLease(join(plan.share, SHARE.sidecarLease));
  const volume = openVolume(plan.share, sidecar);
  return launch(
    plan,
    { ...context, attempt: randomUUID(), volume, waitLog },
    launchSteps(plan, context, sidecar.state),
  );
}

async function installTools(plan: InstallPlan): Promise<number> {
  const { install } = await import("./install/install.ts");
  await install(plan);
  return 0;
}

/** Only runs the command, because the condition of `--only-if` is not met. */
async function launchOnly(plan: LaunchPlan, context: RunContext): Promise<number> {
  const { exitCode, reason } = runStatus(await runOnly(plan, context, abortOnSignal(context.signals)));
  if (reason !== null) context.warn(`${plan.command[0]}: ${reason}`);
  return exitCode;
}

function runContext(reaper: OrphanReaper, io: Io): RunContext {
  const terminal = isatty(0);
  return {
    signals: catchSignals(terminal),
    terminal,
    directSignals: directSignals(terminal, reaper === "tini"),
    stdout: process.stdout,
    stderr: process.stderr,
    warn: (text) => warn(io, text),
  };
}

function warn(io: Io, text: string): void {
  io.stderr(`launcher: ${oneLine(text)}\n`);
}

/** The first lines of the ORAS Operator's script. */
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
