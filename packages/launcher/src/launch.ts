import { randomUUID } from "node:crypto";
import { constants } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { Log } from "wait-fs/log";
import { readMarker, removeMarkers, writeMarker } from "wait-fs/marker-file";
import {
  type DoneMarker,
  type InitMarker,
  type OutputRecord,
  type Phase,
  parseFailureMarker,
  parsePushedMarker,
  SHARE,
} from "wait-fs/markers";
import { EXIT_CODES, InterruptedError, oneLine, ToolError } from "wait-fs/tool-error";
import { anySignal, deadline, waitUntil } from "wait-fs/wait";
import { type ExitStatus, exitStatus } from "./exit-status.ts";
import { placeInputs, waitForInit } from "./inputs.ts";
import type { LaunchPlan } from "./options.ts";
import { outputPaths } from "./output-paths.ts";
import { makeSharedFolder, saveOutput } from "./outputs.ts";
import { runApplication } from "./run-application.ts";
import type { ForwardedSignal, SignalSource } from "./signals.ts";
import { LOG_NAMES, openStreams, type Streams } from "./streams.ts";

/** What a launch needs of its process. */
export interface LaunchContext {
  readonly signals: SignalSource;
  /** Whether the application will read a terminal. */
  readonly terminal: boolean;
  /** The signals that the application gets without the launcher's doing. */
  readonly delivered: readonly ForwardedSignal[];
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** The log of the launch. */
  readonly log: Log;
  /** The log of a wait. */
  readonly waitLog: Log;
  /** What the user has to know, whether a log is wanted or not. */
  readonly warn: Log;
}

/** What is known so far of a launch. */
interface Progress {
  phase: Phase;
  status: ExitStatus | undefined;
  timedOut: boolean;
  outputs: readonly OutputRecord[];
  logs: readonly OutputRecord[];
  streams: Streams | undefined;
}

/**
 * The life of the launcher: the inputs, the command, the outputs, the done marker. Gives the exit code: the
 * application's own wherever that is a failure. A failure of the launcher itself is written as the failure marker, then
 * thrown. The order of the writes is the pod protocol's.
 */
export async function launch(plan: LaunchPlan, context: LaunchContext): Promise<number> {
  const attempt = randomUUID();
  const startedAt = new Date().toISOString();
  const progress: Progress = {
    phase: "init",
    status: undefined,
    timedOut: false,
    outputs: [],
    logs: [],
    streams: undefined,
  };
  const mark = (error: string | null): DoneMarker => ({
    schema: 1,
    attempt,
    phase: error === null ? "done" : progress.phase,
    exitCode: progress.status?.exitCode ?? null,
    signal: progress.status?.signal ?? null,
    reason: progress.timedOut ? `timed out after ${plan.timeoutSeconds} s` : (progress.status?.reason ?? null),
    startedAt,
    finishedAt: new Date().toISOString(),
    outputs: progress.outputs,
    logs: progress.logs,
    error,
  });
  const interrupted = interruption(context.signals);
  makeSharedFolder(plan.share);
  await removeMarkers(plan.share, [SHARE.done, SHARE.doneFailed, SHARE.pushed, SHARE.pushFailed]);
  try {
    progress.streams = await openStreams(plan, context);
    await prepare(plan, interrupted, context);
    progress.phase = "run";
    const { tees } = progress.streams;
    const result = await runApplication(plan.command, { ...plan, ...context, tees });
    context.signals.listen(() => {});
    progress.status = exitStatus(result.end);
    progress.timedOut = result.timedOut;
    if (progress.status.reason !== null) context.warn(progress.status.reason);
    progress.phase = "copy";
    progress.logs = await progress.streams.finish();
    progress.outputs = await save(plan, progress, context);
    await writeMarker(join(plan.share, SHARE.done), mark(null));
  } catch (error) {
    await writeFailure(plan.share, mark(oneLine((error as Error).message)), context);
    return ownFailure(progress, error, context);
  } finally {
    // Last, for a reader that has stopped reading must not keep the outputs.
    await progress.streams?.flush(interruption(context.signals));
  }
  try {
    if (plan.waitPush) await waitForPush(plan.share, attempt, context);
  } catch (error) {
    return ownFailure(progress, error, context);
  }
  return exitCodeOf(progress);
}

/** The application's own failure, which no later one masks; where there is none, `error` is thrown. */
function ownFailure(progress: Progress, error: unknown, context: LaunchContext): number {
  if (exitCodeOf(progress) === 0) throw error;
  context.warn((error as Error).message);
  return exitCodeOf(progress);
}

async function prepare(plan: LaunchPlan, interrupted: AbortSignal, context: LaunchContext): Promise<void> {
  if (plan.input === undefined) {
    const marker: InitMarker = { schema: 1, by: "launcher", inputs: [] };
    await writeMarker(join(plan.share, SHARE.init), marker);
  } else {
    const late = deadline(plan.initTimeoutSeconds, `no inputs in ${plan.share}`);
    await waitForInit(plan.share, anySignal(interrupted, late), context.waitLog);
    await placeInputs(plan.share, plan.input, context.warn);
  }
  // A signal that came while files were copied is only heard when the event loop polls: between two of its turns.
  await setImmediate();
  await setImmediate();
  interrupted.throwIfAborted();
}

async function save(plan: LaunchPlan, progress: Progress, context: LaunchContext): Promise<OutputRecord[]> {
  const saved: OutputRecord[] = [];
  const taken = plan.logs ? Object.values(LOG_NAMES) : [];
  for (const { output, paths } of outputPaths(plan.outputs, taken)) {
    const records: (OutputRecord[] | undefined)[] = [];
    for (const path of paths) records.push(await saveOutput(plan.share, path, context.warn));
    saved.push(...records.flatMap((found) => found ?? []));
    if (records.some((found) => found !== undefined)) continue;
    // A command that failed need not have written all of its outputs: what it left is saved, its own code stays.
    if (!plan.allowMissingOutput && exitCodeOf(progress) === 0)
      throw new ToolError("noInput", `missing output ${output}`, { why: "the command did not write it" });
    context.warn(`missing output ${output}`);
  }
  return saved;
}

async function writeFailure(share: string, marker: DoneMarker, context: LaunchContext): Promise<void> {
  try {
    await writeMarker(join(share, SHARE.doneFailed), marker);
  } catch (error) {
    context.warn((error as Error).message);
  }
}

async function waitForPush(share: string, attempt: string, context: LaunchContext): Promise<void> {
  const pushed = join(share, SHARE.pushed);
  const failed = join(share, SHARE.pushFailed);
  const options = { paths: [pushed, failed], signal: interruption(context.signals), log: context.waitLog };
  const notPushed = (why: string) => new ToolError("notPushed", "the outputs were not pushed", { why });
  await waitUntil(async () => {
    if ((await readMarker(pushed, parsePushedMarker))?.attempt === attempt) return true;
    const failure = await readMarker(failed, parseFailureMarker);
    if (failure?.attempt === attempt) throw notPushed(failure.error);
    return undefined;
  }, options).catch((error) => {
    throw error instanceof InterruptedError ? notPushed(error.message) : error;
  });
}

/** Aborts at the first signal that asks a process to end. */
function interruption(signals: SignalSource): AbortSignal {
  const controller = new AbortController();
  signals.listen((signal) => {
    if (signal === "SIGTERM" || signal === "SIGINT" || signal === "SIGHUP" || signal === "SIGQUIT")
      controller.abort(new InterruptedError(signal, constants.signals[signal]));
  });
  return controller.signal;
}

function exitCodeOf(progress: Progress): number {
  if (progress.timedOut) return EXIT_CODES.timedOut;
  return progress.status?.exitCode ?? 0;
}
