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
import { isHeld, watchLease } from "shared/pod/lease";
import { writeMarker } from "shared/pod/marker-file";
import { DEFAULT_SHARE, SHARE } from "shared/pod/markers";
import { warnIfNotMounted } from "shared/pod/mounted-share";
import { openVolume } from "shared/pod/shared-volume";
import { commandEnvironment, hasInvalidArgument, invalidVariables } from "./encoding.ts";
import type { InstallPlan } from "./install/install.ts";
import { launch } from "./launch.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { launchSteps, type RunContext, runOnly } from "./launch-steps.ts";
import { installPlan, launchPlan } from "./options.ts";
import { reapOrphans } from "./process/children.ts";
import { runStatus } from "./process/exit-status.ts";
import { abortOnSignal, catchSignals, directSignals } from "./process/signals.ts";
import { doneMarker, newProgress } from "./progress.ts";
import { USAGE } from "./usage.ts";

/** The main function of the `launcher` executable. Returns the exit code. */
export function main(argv: string[], io: Io): Promise<number> {
  const progress = newProgress();
  reapOrphans();
  const command: Command<typeof USAGE.options> = {
    ...USAGE,
    run: async (line, io) => {
      if (hasInvalidArgument(argv)) throw usageError(USAGE, "an argument is not UTF-8 text");
      return run(line, io);
    },
    onRefusal: async (failure, { share, install }) => {
      const folder = share || DEFAULT_SHARE;
      // Does not write the marker if another launcher runs on this volume. The marker would end the attempt of that
      // launcher.
      if (install !== undefined || (await isHeld(join(folder, SHARE.lease)).catch(() => false))) return;
      const marker = doneMarker(randomUUID(), progress, describeError(failure));
      // Ignores a failed write, so that the user sees `failure`, and not the failure of the write.
      await writeMarker(join(folder, SHARE.doneFailed), marker).catch(() => {});
    },
  };
  return runCommand(command, argv, io);
}

async function run(line: CommandLine<typeof USAGE.options>, io: Io): Promise<number> {
  const installation = installPlan(line);
  if (installation !== undefined) return installTools(installation, io);
  if (line.options["checkpoint-now"]) return requestCheckpoint(line.options.share);
  const plan = launchPlan(line);
  const log = plan.quiet ? silent : plainLog(io.stderr);
  for (const text of introduction(plan, line.args)) log(text);
  for (const name of invalidVariables(io.env))
    warn(io, `the environment variable ${name} is not UTF-8 text: the command receives a changed text`);
  const context = runContext(io);
  if (!isMet(plan.onlyIf, io.env)) return launchOnly(plan, context);
  warnIfNotMounted(plan.share, context.warn);
  const waitLog = plan.quiet ? silent : datedLog("wait-fs", io.stderr);
  const sidecar = watchLease(join(plan.share, SHARE.sidecarLease));
  const volume = openVolume(plan.share, sidecar);
  const attempt = randomUUID();
  return launch(
    plan,
    { ...context, attempt, volume, waitLog },
    launchSteps(plan, { ...context, attempt, volume }, sidecar.state),
  );
}

/** Asks the launcher that uses the volume `share` to take a checkpoint. */
async function requestCheckpoint(share: string): Promise<number> {
  await writeMarker(join(share, SHARE.checkpointNow), { schema: 1 });
  return 0;
}

async function installTools(plan: InstallPlan, io: Io): Promise<number> {
  // An installation does not handle signals. Therefore, this process sends the held signals to itself again. Each
  // signal then has its default effect.
  for (const signal of io.heldSignals?.release() ?? []) process.kill(process.pid, signal);
  const { install } = await import("./install/install.ts");
  await install(plan);
  return 0;
}

/**
 * Runs the command and does nothing else. The launcher calls this function if the condition of `--only-if` is not met.
 */
async function launchOnly(plan: LaunchPlan, context: RunContext): Promise<number> {
  const { exitCode, reason } = runStatus(await runOnly(plan, context, abortOnSignal(context.signals)));
  if (reason !== null) context.warn(`${plan.command[0]}: ${reason}`);
  return exitCode;
}

function runContext(io: Io): RunContext {
  const terminal = isatty(0);
  return {
    signals: catchSignals(terminal, io.heldSignals),
    terminal,
    directSignals: directSignals(terminal),
    env: commandEnvironment(io.env),
    stdout: process.stdout,
    stderr: process.stderr,
    warn: (text) => warn(io, text),
  };
}

function warn(io: Io, text: string): void {
  io.stderr(`launcher: ${oneLine(text)}\n`);
}

/** Returns the first log lines. The script of the ORAS Operator writes the same lines. */
function introduction(plan: LaunchPlan, args: readonly string[]): string[] {
  return [
    "Expecting: <artifact-input> <artifact-output> <command>...",
    `Full provided set of arguments are ${oneLine(args.join(" "))}`,
    `Command is ${oneLine(plan.command.join(" "))}`,
    `Artifact input is ${plan.input ?? "NA"}`,
    `Artifact output is ${plan.outputs.map(({ path }) => path).join(" ") || "NA"}`,
  ];
}

if (import.meta.main) await runProcess("launcher", main);
