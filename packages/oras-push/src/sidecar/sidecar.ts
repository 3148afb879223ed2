import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { anySignal, deadline } from "shared/cli/deadline";
import { describeError, exitCodeOf, ToolError } from "shared/cli/tool-error";
import {
  type ArtifactRecord,
  type FailureMarker,
  type InitMarker,
  type PushedMarker,
  parseDoneMarker,
  parseInitMarker,
  parsePushedMarker,
  parseStartedMarker,
  SHARE,
} from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import type { WaitNotice } from "shared/pod/wait";
import { waitNotice } from "shared/pod/wait-notice";
import { formatReference, type Reference } from "../oci/reference.ts";
import { type AttemptEnd, hasStarted, mediaTypesOf, nextEnd, observe, type SidecarState } from "./attempt-end.ts";
import { inputAnnotations } from "./provenance.ts";
import { runOutcome, runReference } from "./run-outcome.ts";
import type { PushOrder, SidecarContext, SidecarOptions, SidecarResult, SidecarSteps } from "./sidecar-context.ts";

/**
 * Runs a sidecar (docs/protocol.md, "The sidecar"): takes the lease, pulls the inputs, writes the init marker, waits
 * for the end of the launcher, pushes the outputs, and writes the pushed marker. Calls `report` with each result, and
 * returns the last result. The requested tag points only to the complete output of a successful run. Before this
 * function throws a failure, it writes the failure to a marker, so that the launcher stops waiting.
 */
export async function runSidecar(
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
  report: (result: SidecarResult) => void,
): Promise<SidecarResult> {
  await steps.takeLease();
  const inputs = await pullInputs(options, context, steps);
  await waitForStart(options, context, steps);
  await settleOldEnd(context, steps);
  let result: SidecarResult = { pushed: undefined, failure: undefined };
  for (let handled: string | undefined; ; ) {
    const end = await waitForEnd(handled, options, context, steps);
    if (end === "over") return result;
    const outcome = await handleEnd(end, inputs, options, context, steps);
    if (outcome === "superseded") continue;
    result = outcome;
    report(result);
    if (!options.native) return result;
    handled = end.id;
  }
}

/** Pulls the inputs and writes the init marker. Returns the pulled artifacts. */
async function pullInputs(
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<readonly ArtifactRecord[]> {
  const { volume } = context;
  // An earlier sidecar may have failed because of its command line. That failure does not apply to this sidecar.
  await volume.remove(SHARE.initFailed);
  const previous = await volume.read(SHARE.init, parseInitMarker);
  const wanted = options.pullFrom.map(formatReference);
  const pulled = previous?.inputs.map(({ reference }) => reference);
  // After a restart of the sidecar, the inputs may already be in place. The sidecar must not pull these inputs again,
  // because the application may be reading them.
  if (previous !== undefined && isDeepStrictEqual(pulled, wanted)) return previous.inputs;
  await volume.remove(SHARE.init);
  try {
    const inputs = wanted.length === 0 ? [] : await steps.pull();
    await volume.write(SHARE.init, { schema: 1, by: "sidecar", inputs } satisfies InitMarker);
    return inputs;
  } catch (error) {
    await writeFailure(context, SHARE.initFailed, null, error);
    throw error;
  }
}

async function waitForStart(options: SidecarOptions, context: SidecarContext, steps: SidecarSteps): Promise<void> {
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

const LAUNCHER_MARKERS = {
  [SHARE.started]: parseStartedMarker,
  [SHARE.done]: parseDoneMarker,
  [SHARE.doneFailed]: parseDoneMarker,
};

function noticeOf(event: string, { volume, warn }: SidecarContext, { lease }: SidecarSteps): WaitNotice {
  return waitNotice(volume, { event, side: "launcher", lease, markers: LAUNCHER_MARKERS }, warn);
}

/** Waits a moment if an attempt ended before this sidecar started, because a new attempt may start soon. */
async function settleOldEnd(context: SidecarContext, steps: SidecarSteps): Promise<void> {
  if ((await currentEnd(false, context, steps)) !== "wait") await steps.settle(context.signal);
}

/** Observes the volume, and returns the next step of the sidecar. */
function currentEnd(
  terminating: boolean,
  { volume }: SidecarContext,
  steps: SidecarSteps,
): Promise<ReturnType<typeof nextEnd>> {
  const check = async () => nextEnd(await observe(volume, steps.lease), { handled: undefined, terminating });
  return volume.until(check, { names: [] });
}

async function waitForEnd(
  handled: string | undefined,
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<AttemptEnd | "over"> {
  const { volume, terminating, waitLog } = context;
  const signal = anySignal(
    context.signal,
    deadline(options.timeoutSeconds, () => "the application did not end"),
  );
  const check = (state: SidecarState) => async () => {
    const end = nextEnd(await observe(volume, steps.lease), state);
    return end === "wait" ? undefined : end;
  };
  // After the first attempt, a native sidecar may wait until the pod ends. This is normal, so this wait has no notice.
  const notice = handled === undefined ? noticeOf("the end of the application", context, steps) : undefined;
  const until = (state: SidecarState, until: AbortSignal) =>
    volume.until(check(state), {
      names: Object.keys(LAUNCHER_MARKERS),
      signal: until,
      log: waitLog,
      notice,
    });
  const done = join(volume.folder, SHARE.done);
  waitLog(done);
  const end = await until({ handled, terminating: false }, anySignal(signal, terminating)).catch(
    async (error: unknown) => {
      if (signal.aborted || !terminating.aborted) throw error;
      if (!options.native && !hasStarted(await observe(volume, steps.lease))) throw terminating.reason;
      if (handled === undefined) waitLog("the pod terminates: waiting for the end of the launcher");
      return until({ handled, terminating: true }, signal);
    },
  );
  if (end !== "over" && end.kind === "done") waitLog(`Found existing path ${done}`);
  return end;
}

/** Pushes the outputs of an ended attempt. Returns `superseded` if the launcher has started a new attempt. */
async function handleEnd(
  end: AttemptEnd,
  inputs: readonly ArtifactRecord[],
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<SidecarResult | "superseded"> {
  const { run, notPushedReason, failure, ...outcome } = runOutcome(end, options);
  const annotations = { ...outcome.annotations, ...inputAnnotations(inputs) };
  if (options.pushTo === undefined)
    return reportNotPushed(end, "the sidecar has no reference to push to", failure, context);
  if (notPushedReason !== undefined) return reportNotPushed(end, notPushedReason, failure, context);
  const reference = runReference(options.pushTo, run);
  try {
    const previous = await previousPush(context.volume, end, reference);
    const pushed =
      previous ?? (await pushOutputs(end, { reference, annotations, partial: run === "incomplete" }, context, steps));
    if (pushed === undefined)
      return reportNotPushed(
        end,
        "the attempt is incomplete, and left no output on the shared volume",
        failure,
        context,
      );
    if (run !== "succeeded") context.warn(`the run ${RUN_WORDS[run]}: pushed its outputs as ${reference.tag}`);
    return { pushed, failure };
  } catch (error) {
    return handlePushFailure(error, end, failure, context, steps);
  }
}

/**
 * Handles a failed push. Returns `superseded` if a new attempt has started. If the attempt itself failed, returns a
 * result with the failure of the attempt. Otherwise, throws the error of the push.
 */
async function handlePushFailure(
  error: unknown,
  end: AttemptEnd,
  failure: ToolError | undefined,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<SidecarResult | "superseded"> {
  if (!context.signal.aborted && (await isSuperseded(end, context, steps))) {
    context.warn(`skipped the push of attempt ${end.attempt}: the launcher started again`);
    return "superseded";
  }
  await writeFailure(context, SHARE.pushFailed, end.attempt, error);
  if (failure === undefined) throw error;
  context.warn(`cannot push the outputs: ${describeError(error)}`);
  return { pushed: undefined, failure };
}

const RUN_WORDS = { failed: "failed", incomplete: "is incomplete" } as const;

/** Explains in the log and in a marker why nothing is pushed. A launcher may wait for this marker. */
async function reportNotPushed(
  end: AttemptEnd,
  why: string,
  failure: ToolError | undefined,
  context: SidecarContext,
): Promise<SidecarResult> {
  context.warn(`nothing to push: ${why}`);
  await writeFailure(context, SHARE.pushFailed, end.attempt, new ToolError("notPushed", why));
  return { pushed: undefined, failure };
}

/**
 * Checks whether the sidecar pushed this attempt to this reference before a restart. If so, returns the marker of this
 * push, and the sidecar does not push again. Otherwise, returns undefined.
 */
async function previousPush(
  volume: SharedVolume,
  { attempt }: AttemptEnd,
  reference: Reference,
): Promise<PushedMarker | undefined> {
  const pushed = await volume.read(SHARE.pushed, parsePushedMarker);
  if (pushed === undefined || attempt === null) return undefined;
  return pushed.attempt === attempt && pushed.reference === formatReference(reference) ? pushed : undefined;
}

async function pushOutputs(
  end: AttemptEnd,
  to: Pick<PushOrder, "reference" | "annotations" | "partial">,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<ArtifactRecord | undefined> {
  const { volume } = context;
  const paths = await steps.savedOutputs(end);
  if (paths.length === 0 && end.kind !== "done") return undefined;
  // A launcher removes its markers before it changes an output. If the end of the attempt is still the same after the
  // upload, no output changed during the upload.
  const confirm = async () => {
    if (await isSuperseded(end, context, steps))
      throw new ToolError("noInput", "the outputs belong to an earlier attempt");
  };
  const { reference, digest } = await steps.push({ ...to, paths, mediaTypes: mediaTypesOf(end), confirm });
  const finishedAt = new Date().toISOString();
  const marker: PushedMarker = { schema: 1, attempt: end.attempt, reference, digest, finishedAt };
  await volume.write(SHARE.pushed, marker);
  await volume.remove(SHARE.pushFailed);
  return { reference, digest };
}

async function isSuperseded(end: AttemptEnd, context: SidecarContext, steps: SidecarSteps): Promise<boolean> {
  const now = await currentEnd(context.terminating.aborted, context, steps);
  return typeof now === "string" || now.id !== end.id;
}

async function writeFailure(
  { volume, warn }: SidecarContext,
  name: string,
  attempt: string | null,
  error: unknown,
): Promise<void> {
  const exitCode = exitCodeOf(error);
  const marker: FailureMarker = { schema: 1, attempt, exitCode, error: describeError(error) };
  // The caller throws `error`. A failure to write the marker is only logged.
  await volume.write(name, marker).catch((second) => warn(describeError(second)));
}
