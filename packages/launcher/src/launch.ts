import { constants } from "node:os";
import type { Log } from "shared/cli/log";
import { describeError, InterruptedError, ToolError } from "shared/cli/tool-error";
import type { Lease } from "shared/pod/lease-state";
import {
  type DoneMarker,
  type InitMarker,
  type OutputRecord,
  type Phase,
  parseFailureMarker,
  parsePushedMarker,
  SHARE,
  type StartedMarker,
} from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import { anySignal, deadline } from "shared/cli/deadline";
import { waitForInit } from "./inputs.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import type { OutputPaths } from "./outputs/output-paths.ts";
import { type ExitStatus, type RunResult, runStatus } from "./process/exit-status.ts";
import type { SignalSource } from "./process/signals.ts";
import { type Patience, untilSidecar } from "./sidecar-wait.ts";

/** The steps of a launch that are not its own. */
export interface LaunchSteps {
  /** Takes the launcher's lease on the shared volume. */
  readonly takeLease: () => Promise<Lease>;
  /** Whether the sidecar has been gone for longer than it may be, see {@link Patience}. */
  readonly sidecarGone: Patience["sidecarGone"];
  /** Removes what an earlier start saved; gives where this one's outputs will be, relative to the volume. */
  readonly clearOutputs: () => Promise<readonly string[]>;
  /** Puts the inputs that are there into a folder. */
  readonly placeInputs: (folder: string) => Promise<void>;
  /** Runs the command to its end. */
  readonly run: () => Promise<RunResult>;
  /** Completes what is kept of the command's stdout and stderr; gives the logs among it. */
  readonly keepLogs: () => Promise<readonly OutputRecord[]>;
  /** Waits until the launcher's own stdout and stderr have all that the command wrote. */
  readonly flush: (signal: AbortSignal) => Promise<void>;
  /** What the outputs stand for, now that the command has ended. */
  readonly outputPaths: () => readonly OutputPaths[];
  /** Saves an output path; undefined where it is missing. */
  readonly save: (path: string) => Promise<readonly OutputRecord[] | undefined>;
}

/** What a launch needs of its process. */
export interface LaunchContext {
  /** Which start of the launcher this is: random, never the same again. */
  readonly attempt: string;
  readonly volume: SharedVolume;
  readonly signals: SignalSource;
  /** The log of a wait. */
  readonly waitLog: Log;
  /** What the user has to know, whether a log is wanted or not. */
  readonly warn: Log;
}

/** What is known so far of a launch. */
interface Progress {
  readonly startedAt: string;
  phase: Phase;
  status: ExitStatus | undefined;
  outputs: readonly OutputRecord[];
  logs: readonly OutputRecord[];
}

/**
 * The life of the launcher: the lease, the inputs, the command, the outputs, the done marker. Gives the exit code: the
 * application's own wherever that is a failure. A failure of the launcher itself is written as the failure marker, then
 * thrown. The lease is taken first and given back last; where not even a marker could be written it is left as a death
 * leaves it, for then nothing else tells the sidecar (docs/protocol.md, "The launcher").
 */
export async function launch(plan: LaunchPlan, context: LaunchContext, steps: LaunchSteps): Promise<number> {
  const { volume, attempt } = context;
  const lease = await steps.takeLease();
  const startedAt = new Date().toISOString();
  const progress: Progress = { startedAt, phase: "init", status: undefined, outputs: [], logs: [] };
  const mark = (error: string | null) => doneMarker(attempt, progress, error);
  try {
    await begin(startedAt, context, steps);
    await prepare(plan, context, steps);
    await runCommand(plan, progress, context, steps);
    progress.phase = "copy";
    progress.logs = await steps.keepLogs();
    progress.outputs = await save(plan, progress, context, steps);
    await volume.write(SHARE.done, mark(null));
  } catch (error) {
    if (await writeFailure(mark(describeError(error)), context)) await giveBack(lease, context);
    return ownCode(progress, error, context);
  } finally {
    // Last, for a reader that has stopped reading must not keep the outputs.
    await steps.flush(interruption(context.signals));
  }
  try {
    if (plan.waitPush) await waitForPush(patienceOf(plan, steps), context);
    return exitCodeOf(progress);
  } catch (error) {
    return ownCode(progress, error, context);
  } finally {
    await giveBack(lease, context);
  }
}

/** Takes back what an earlier start said, and says where this one's outputs will be: no old word counts for it. */
async function begin(startedAt: string, { volume, attempt }: LaunchContext, steps: LaunchSteps): Promise<void> {
  // The started marker goes first: without it nothing that is there counts as this attempt's, should it end here.
  for (const name of [SHARE.started, SHARE.done, SHARE.doneFailed, SHARE.pushed, SHARE.pushFailed])
    await volume.remove(name);
  const outputs = await steps.clearOutputs();
  const marker: StartedMarker = { schema: 1, attempt, startedAt, outputs };
  await volume.write(SHARE.started, marker);
}

async function prepare(plan: LaunchPlan, context: LaunchContext, steps: LaunchSteps): Promise<void> {
  const { volume, signals, waitLog } = context;
  if (plan.input === undefined) {
    const marker: InitMarker = { schema: 1, by: "launcher", inputs: [] };
    await volume.write(SHARE.init, marker);
    return;
  }
  const late = deadline(plan.initTimeoutSeconds, () => `no inputs in ${plan.share}`);
  const interrupted = interruption(signals);
  await waitForInit(volume, patienceOf(plan, steps), anySignal(interrupted, late), waitLog);
  await steps.placeInputs(plan.input);
  interrupted.throwIfAborted();
}

async function runCommand(
  plan: LaunchPlan,
  progress: Progress,
  { signals, warn }: LaunchContext,
  steps: LaunchSteps,
): Promise<void> {
  progress.phase = "run";
  const result = await steps.run();
  // From here on the outputs are saved whatever comes: who is in a hurry has SIGKILL.
  signals.listen(() => {});
  progress.status = runStatus(result);
  if (progress.status.reason !== null) warn(`${plan.command[0]}: ${progress.status.reason}`);
}

function doneMarker(attempt: string, progress: Progress, error: string | null): DoneMarker {
  const { startedAt, phase, status, outputs, logs } = progress;
  return {
    schema: 1,
    attempt,
    phase: error === null ? "done" : phase,
    exitCode: status?.exitCode ?? null,
    signal: status?.signal ?? null,
    reason: status?.reason ?? null,
    startedAt,
    finishedAt: new Date().toISOString(),
    outputs,
    logs,
    error,
  };
}

async function save(
  plan: LaunchPlan,
  progress: Progress,
  context: LaunchContext,
  steps: LaunchSteps,
): Promise<OutputRecord[]> {
  const saved: OutputRecord[] = [];
  for (const { output, paths } of steps.outputPaths()) {
    const records: (readonly OutputRecord[] | undefined)[] = [];
    for (const path of paths) records.push(await steps.save(path));
    saved.push(...records.flatMap((found) => found ?? []));
    if (records.some((found) => found !== undefined)) continue;
    // A command that failed need not have written all of its outputs: what it left is saved, its own code stays.
    if (!plan.allowMissingOutput && exitCodeOf(progress) === 0)
      throw new ToolError("noInput", `missing output ${output}`, { why: "the command did not write it" });
    context.warn(`missing output ${output}`);
  }
  return saved;
}

/** All has been said and saved by now: a lease that can't be given back changes nothing. */
function giveBack(lease: Lease, { warn }: LaunchContext): Promise<void> {
  return lease.release().catch((error) => warn(describeError(error)));
}

/** Whether the failure could be written. */
async function writeFailure(marker: DoneMarker, { volume, warn }: LaunchContext): Promise<boolean> {
  try {
    await volume.write(SHARE.doneFailed, marker);
    return true;
  } catch (error) {
    warn(describeError(error));
    return false;
  }
}

function patienceOf({ sidecarTimeoutSeconds }: LaunchPlan, { sidecarGone }: LaunchSteps): Patience {
  return { seconds: sidecarTimeoutSeconds, sidecarGone };
}

async function waitForPush(patience: Patience, { volume, attempt, signals, waitLog }: LaunchContext): Promise<void> {
  const options = {
    names: [SHARE.pushed, SHARE.pushFailed, SHARE.initFailed],
    signal: interruption(signals),
    log: waitLog,
  };
  const notPushed = (why: string) => new ToolError("notPushed", "the outputs were not pushed", { why });
  const look = async () => {
    if ((await volume.read(SHARE.pushed, parsePushedMarker))?.attempt === attempt) return true;
    const failure = await volume.read(SHARE.pushFailed, parseFailureMarker);
    if (failure?.attempt === attempt) throw notPushed(failure.error);
    // A sidecar that did not come as far as to the outputs will not push them.
    const neverBegan = await volume.read(SHARE.initFailed, parseFailureMarker);
    if (neverBegan !== undefined) throw notPushed(neverBegan.error);
    return undefined;
  };
  await untilSidecar(volume, look, options, patience, notPushed).catch((error) => {
    throw error instanceof InterruptedError ? notPushed(error.message) : error;
  });
}

/** Aborts at the first signal from now on that asks a process to end. */
export function interruption(signals: SignalSource): AbortSignal {
  const controller = new AbortController();
  signals.listen((signal) => {
    if (signal === "SIGTERM" || signal === "SIGINT" || signal === "SIGHUP" || signal === "SIGQUIT")
      controller.abort(new InterruptedError(signal, constants.signals[signal]));
  });
  return controller.signal;
}

/** The application's own code wherever that is a failure: the launcher's failure is then only told. Else that is thrown. */
function ownCode(progress: Progress, error: unknown, { warn }: LaunchContext): number {
  if (exitCodeOf(progress) === 0) throw error;
  warn(describeError(error));
  return exitCodeOf(progress);
}

function exitCodeOf({ status }: Progress): number {
  return status?.exitCode ?? 0;
}
