import { join } from "node:path";
import { anySignal, deadline } from "shared/cli/deadline";
import { type CheckpointMarker, parseDoneMarker, parseStartedMarker, SHARE } from "shared/pod/markers";
import type { WaitNotice } from "shared/pod/wait";
import { waitNotice } from "shared/pod/wait-notice";
import { type AttemptEnd, hasStarted, nextEnd, observe } from "./attempt-end.ts";
import type { CheckpointPushes } from "./checkpoint-pushes.ts";
import type { SidecarContext, SidecarOptions, SidecarSteps } from "./sidecar-context.ts";

const LAUNCHER_MARKERS = {
  [SHARE.started]: parseStartedMarker,
  [SHARE.done]: parseDoneMarker,
  [SHARE.doneFailed]: parseDoneMarker,
};

/** Waits until the launcher has started. Returns at once if the plan has no start timeout. */
export async function waitForStart(
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<void> {
  const { volume, signal, terminating } = context;
  const late = deadline(options.startTimeoutSeconds, () => "the application did not start");
  if (late === undefined) return;
  const check = async () => (hasStarted(await observe(volume, steps.lease)) ? true : undefined);
  try {
    await volume.until(check, {
      names: Object.keys(LAUNCHER_MARKERS),
      signal: anySignal(signal, late, terminating),
      notice: noticeOf("the start of the application", context, steps),
    });
  } catch (error) {
    if (signal.aborted || !terminating.aborted) throw error;
  }
}

/**
 * Returns whether an attempt has already ended. If so, this function first waits a moment, so that a new launcher can
 * remove the markers of this attempt. If the result is true, the pod can be terminating although the sidecar received
 * no SIGTERM. The sidecar misses a SIGTERM that arrives before Node can handle signals (docs/protocol.md, "Native
 * sidecars").
 */
export async function settleOldEnd(context: SidecarContext, steps: SidecarSteps): Promise<boolean> {
  if ((await currentEnd(false, context, steps)) === "wait") return false;
  await steps.settle(context.signal);
  return true;
}

/** Whether a launcher starts after the attempt that ended with `end`. Waits for this launcher for a limited time. */
export async function nextLauncherStarts(
  end: AttemptEnd,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<boolean> {
  const started = async () => ((await isSuperseded(end, context, steps)) ? true : undefined);
  const starts = await steps.expectLauncher(started, context);
  if (!starts) context.waitLog("no new launcher has started: the sidecar ends, in case that the pod is terminating");
  return starts;
}

/** Whether a newer attempt has replaced the attempt that ended with `end`. */
export async function isSuperseded(end: AttemptEnd, context: SidecarContext, steps: SidecarSteps): Promise<boolean> {
  const now = await currentEnd(context.terminating.aborted, context, steps);
  return typeof now === "string" || now.id !== end.id;
}

/** Reads the volume, and calls {@link nextEnd}. Does not consider which attempts the sidecar has already handled. */
function currentEnd(
  terminating: boolean,
  { volume }: SidecarContext,
  steps: SidecarSteps,
): Promise<ReturnType<typeof nextEnd>> {
  const check = async () => nextEnd(await observe(volume, steps.lease), { handled: undefined, terminating });
  return volume.until(check, { names: [] });
}

/**
 * Waits for the end of an attempt, and pushes the checkpoints that the launcher takes in the meantime. `handled` is the
 * id of the last end that the sidecar handled. Returns `over` if the pod terminates and the sidecar has no work left.
 */
export async function waitForEnd(
  handled: string | undefined,
  checkpoints: CheckpointPushes,
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<AttemptEnd | "over"> {
  const { volume, terminating, waitLog } = context;
  const late = deadline(options.timeoutSeconds, () => "the application did not end");
  const limited = { ...context, signal: anySignal(context.signal, late) };
  const done = join(volume.folder, SHARE.done);
  const ended = async () => {
    const end = nextEnd(await observe(volume, steps.lease), { handled, terminating: terminating.aborted });
    return typeof end === "string" ? undefined : (true as const);
  };
  waitLog(done);
  for (;;) {
    const event = await nextEvent(handled, checkpoints, options, limited, steps);
    if (event !== "over" && event.kind === "checkpoint") {
      await checkpoints.push(event.checkpoint, ended);
      continue;
    }
    if (event !== "over" && event.kind === "done") waitLog(`Found existing path ${done}`);
    return event;
  }
}

/** A checkpoint that must be pushed. */
interface CheckpointEvent {
  readonly kind: "checkpoint";
  readonly checkpoint: CheckpointMarker;
}

/** Waits for the end of an attempt, or for a checkpoint. Returns the end of the attempt if both exist. */
async function nextEvent(
  handled: string | undefined,
  checkpoints: CheckpointPushes,
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<AttemptEnd | CheckpointEvent | "over"> {
  const { volume, signal, terminating, waitLog } = context;
  const check = (terminating: boolean) => async () => {
    const end = nextEnd(await observe(volume, steps.lease), { handled, terminating });
    if (typeof end !== "string") return end;
    const checkpoint = await checkpoints.pending();
    if (checkpoint !== undefined) return { kind: "checkpoint" as const, checkpoint };
    return end === "wait" ? undefined : end;
  };
  // After a native sidecar has handled an attempt, a long wait is normal. Therefore, the sidecar logs no notice during
  // this wait.
  const notice = handled === undefined ? noticeOf("the end of the application", context, steps) : undefined;
  const names = [...Object.keys(LAUNCHER_MARKERS), SHARE.checkpoint];
  const until = (isTerminating: boolean, signal: AbortSignal) =>
    volume.until(check(isTerminating), { names, signal, log: waitLog, notice });
  return until(false, anySignal(signal, terminating)).catch(async (error: unknown) => {
    if (signal.aborted || !terminating.aborted) throw error;
    if (!options.native && !hasStarted(await observe(volume, steps.lease))) throw terminating.reason;
    if (handled === undefined) waitLog("the pod terminates: waiting for the end of the launcher");
    return until(true, signal);
  });
}

function noticeOf(event: string, { volume, warn }: SidecarContext, { lease }: SidecarSteps): WaitNotice {
  return waitNotice(volume, { event, side: "launcher", lease, markers: LAUNCHER_MARKERS }, warn);
}
