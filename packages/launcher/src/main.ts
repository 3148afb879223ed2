import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isatty } from "node:tty";
import { type Command, type Io, runCommand, runProcess } from "shared/cli/cli";
import { usageError } from "shared/cli/command-line";
import { isMet } from "shared/cli/condition";
import { datedLog, plainLog, silent } from "shared/cli/log";
import { tellingMisuse } from "shared/cli/misuse";
import { describeError, oneLine } from "shared/cli/tool-error";
import { watchLease } from "shared/pod/lease";
import { type DoneMarker, NOTHING_KNOWN, SHARE } from "shared/pod/markers";
import { openVolume } from "shared/pod/shared-volume";
import { interruption, launch } from "./launch.ts";
import { launchSteps, type RunContext, runOnly } from "./launch-steps.ts";
import type { InstallPlan } from "./install/install.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { installPlan, launchPlan, USAGE } from "./options.ts";
import { runStatus } from "./process/exit-status.ts";
import { type Init, runUnderInit, TINI } from "./process/init.ts";
import { catchSignals, deliveredSignals } from "./process/signals.ts";

const command: Command<typeof USAGE.options> = {
  ...USAGE,
  run: async (line, io) => {
    const installation = installPlan(line);
    if (installation !== undefined) return installTools(installation);
    const plan = launchPlan(line);
    const log = plan.quiet ? silent : plainLog(io.stderr);
    for (const text of introduction(plan, line.args)) log(text);
    if (init === "none") log(`No ${TINI} beside ${process.execPath}, orphans are not reaped`);
    const context = runContext(io);
    if (!isMet(plan.onlyIf, io.env)) return launchOnly(plan, context);
    const waitLog = plan.quiet ? silent : datedLog("wait-fs", io.stderr);
    const sidecar = watchLease(join(plan.share, SHARE.sidecarLease));
    const shared = { attempt: randomUUID(), volume: openVolume(plan.share, sidecar), waitLog };
    return launch(plan, { ...context, ...shared }, launchSteps(plan, context, sidecar.state));
  },
};

let init: Init = "elsewhere";

/** The `launcher` executable: gives the exit code. */
export async function main(argv: string[], io: Io): Promise<number> {
  const run = async () => {
    checkEncoding(argv, io);
    init = runUnderInit(argv, io.env);
    return runCommand(command, argv, io);
  };
  // Who installs is not who a sidecar waits for.
  if (argv.some((word) => word.startsWith("--install"))) return run();
  const startedAt = new Date().toISOString();
  return tellingMisuse(run, {
    argv,
    env: io.env,
    name: SHARE.doneFailed,
    content: (failure): DoneMarker => {
      const times = { startedAt, finishedAt: new Date().toISOString() };
      const attempt = randomUUID();
      return { ...NOTHING_KNOWN, ...times, attempt, phase: "init", outputs: [], error: describeError(failure) };
    },
  });
}

async function installTools(plan: InstallPlan): Promise<number> {
  const { install } = await import("./install/install.ts");
  await install(plan);
  return 0;
}

/** The launch of a command of which nothing is to be saved. */
async function launchOnly(plan: LaunchPlan, context: RunContext): Promise<number> {
  const { exitCode, reason } = runStatus(await runOnly(plan, context, interruption(context.signals)));
  if (reason !== null) context.warn(`${plan.command[0]}: ${reason}`);
  return exitCode;
}

function runContext(io: Io): RunContext {
  const terminal = isatty(0);
  return {
    signals: catchSignals(terminal),
    terminal,
    delivered: deliveredSignals(terminal, init === "tini"),
    stdout: process.stdout,
    stderr: process.stderr,
    warn: (text) => io.stderr(`launcher: ${oneLine(text)}\n`),
  };
}

/**
 * Node has arguments and environment as text only: bytes that are none would reach the command changed. An argument is
 * refused then; of a variable, which the command may have no use for, it is told. Node puts U+FFFD in the place of such
 * bytes; without it there is nothing to look at, and /proc is not needed.
 */
function checkEncoding(argv: readonly string[], io: Io): void {
  if (argv.some(isSuspect) && given("cmdline").some(isChanged))
    throw usageError(USAGE, "an argument is not UTF-8 text");
  if (!Object.entries(io.env).some(([name, value]) => isSuspect(name) || isSuspect(value ?? ""))) return;
  for (const variable of given("environ").filter(isChanged)) {
    const name = variable.toString().split("=", 1)[0] ?? "";
    io.stderr(`launcher: ${oneLine(name)} in the environment is not UTF-8 text: the command gets it changed\n`);
  }
}

function isSuspect(text: string): boolean {
  return text.includes("\ufffd");
}

function isChanged(bytes: Buffer): boolean {
  return !isUtf8(bytes);
}

/** What the kernel gave this process, word by word (proc(5)). */
function given(what: "cmdline" | "environ"): Buffer[] {
  const bytes = readFileSync(`/proc/self/${what}`);
  const words: Buffer[] = [];
  for (let start = 0, end = bytes.indexOf(0); end >= 0; start = end + 1, end = bytes.indexOf(0, start))
    words.push(bytes.subarray(start, end));
  return words;
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
