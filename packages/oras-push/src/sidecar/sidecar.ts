import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { anySignal, deadline } from "shared/cli/deadline";
import type { Log } from "shared/cli/log";
import { describeError, exitCodeOf, ToolError } from "shared/cli/tool-error";
import type { ReadLease } from "shared/pod/lease-state";
import {
  type ArtifactRecord,
  type FailureMarker,
  type InitMarker,
  type PushedMarker,
  parseInitMarker,
  parsePushedMarker,
  SHARE,
} from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import type { Annotations } from "../oci/descriptor.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { type AttemptEnd, hasStarted, nextEnd, observe, type SidecarState } from "./attempt-end.ts";
import { inputAnnotations } from "./provenance.ts";
import { type OutcomePolicies, runOutcome, runReference } from "./run-outcome.ts";

/** One push of a sidecar. */
export interface PushOrder {
  readonly reference: Reference;
  readonly paths: readonly string[];
  /** Annotations of the run. */
  readonly annotations: Annotations;
  /** Called after the upload, before the tag is written. Throws to leave the tag unwritten. */
  readonly confirm: () => Promise<void>;
}

/** The side effects of a sidecar. Tests replace them. */
export interface SidecarSteps {
  /** Takes the sidecar's lease, which is never released and ends with the process. */
  readonly takeLease: () => Promise<void>;
  /** Pulls all inputs. Removes the files of an earlier attempt first. */
  readonly pull: () => Promise<ArtifactRecord[]>;
  /** The state of the launcher's lease. */
  readonly lease: ReadLease;
  /** Waits for a moment, so that a launcher that is about to start can remove the markers of an earlier one. */
  readonly settle: (signal: AbortSignal) => Promise<void>;
  /** The paths of an attempt's outputs. */
  readonly savedOutputs: (end: AttemptEnd) => Promise<readonly string[]>;
  readonly push: (order: PushOrder) => Promise<ArtifactRecord>;
}

/** How a sidecar behaves. */
export interface SidecarOptions extends OutcomePolicies {
  /** The inputs; empty if there are none. */
  readonly pullFrom: readonly Reference[];
  /** The reference to push to; undefined to push nothing. */
  readonly pushTo: Reference | undefined;
  /** Start timeout in seconds. Unlimited by default, because only the end of a launcher without a lease is visible. */
  readonly startTimeoutSeconds: number | undefined;
  /** Seconds until the attempt must have ended; unlimited by default. */
  readonly timeoutSeconds: number | undefined;
  /** Whether to keep running for further attempts after a push, until the pod terminates. */
  readonly native: boolean;
}

/** The process that a sidecar runs in. */
export interface SidecarContext {
  readonly volume: SharedVolume;
  /** A signal that ends every wait. The signal's reason is thrown. */
  readonly signal: AbortSignal;
  /** Aborts when the pod terminates: a native sidecar then finishes its work. Never aborts for a classic sidecar. */
  readonly terminating: AbortSignal;
  readonly waitLog: Log;
  readonly warn: Log;
}

/** The result of handling one attempt. */
export interface SidecarResult {
  /** The pushed artifact; undefined if nothing was pushed. */
  readonly pushed: ArtifactRecord | undefined;
  /** The failure that ends the sidecar despite a push, such as the launcher's death; undefined for a success. */
  readonly failure: ToolError | undefined;
}

/**
 * The life of a sidecar (docs/protocol.md, "The sidecar"): takes its lease, pulls the inputs, writes the init marker,
 * waits for the end of the launcher, pushes the outputs, and writes the pushed marker. Calls `report` with each result,
 * and returns the last one. The requested tag names only the complete output of a successful run. A failure is written
 * as a marker before it is thrown, so that the launcher stops waiting.
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
  // After a restart the inputs are in place, and the application may be reading them.
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
    await volume.until(check, { names: LAUNCHER_MARKERS, signal: anySignal(signal, late, terminating) });
  } catch (error) {
    if (signal.aborted || !terminating.aborted) throw error;
  }
}

const LAUNCHER_MARKERS = [SHARE.started, SHARE.done, SHARE.doneFailed] as const;

/** An end that existed before this sidecar may belong to an attempt whose successor is about to start. */
async function settleOldEnd(context: SidecarContext, steps: SidecarSteps): Promise<void> {
  if ((await currentEnd(false, context, steps)) !== "wait") await steps.settle(context.signal);
}

/** The end of the attempt, from one observation. */
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
  const until = (state: SidecarState, until: AbortSignal) =>
    volume.until(check(state), { names: LAUNCHER_MARKERS, signal: until, log: waitLog });
  const done = join(volume.folder, SHARE.done);
  waitLog(done);
  const end = await until({ handled, terminating: false }, anySignal(signal, terminating)).catch((error: unknown) => {
    if (signal.aborted || !terminating.aborted) throw error;
    return until({ handled, terminating: true }, signal);
  });
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
    const pushed = previous ?? (await pushOutputs(end, { reference, annotations }, context, steps));
    if (pushed === undefined)
      return reportNotPushed(end, "the attempt is incomplete and has no outputs", failure, context);
    if (run !== "succeeded") context.warn(`the run ${RUN_WORDS[run]}: pushed its outputs as ${reference.tag}`);
    return { pushed, failure };
  } catch (error) {
    return handlePushFailure(error, end, failure, context, steps);
  }
}

/** Handles a failed push. Throws its error, unless the attempt is superseded or has another failure. */
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

/** Reports why nothing is pushed: in the log, and in a marker for a launcher that waits for the push. */
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

/** The push of the same attempt to the same reference before a restart of this sidecar; it is not repeated. */
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
  to: Pick<PushOrder, "reference" | "annotations">,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<ArtifactRecord | undefined> {
  const { volume } = context;
  const paths = await steps.savedOutputs(end);
  if (paths.length === 0 && end.kind !== "done") return undefined;
  // A launcher removes its markers before it changes an output. If the end is still the same, the upload is consistent.
  const confirm = async () => {
    if (await isSuperseded(end, context, steps))
      throw new ToolError("noInput", "the outputs belong to an earlier attempt");
  };
  const { reference, digest } = await steps.push({ ...to, paths, confirm });
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
  // The caller throws the first failure. A failure to write the marker is only logged.
  await volume.write(name, marker).catch((second) => warn(describeError(second)));
}
