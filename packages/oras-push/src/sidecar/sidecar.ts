import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Log } from "shared/cli/log";
import { describeError, EXIT_CODES, ToolError } from "shared/cli/tool-error";
import type { LeaseState } from "shared/pod/lease";
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
import { anySignal, deadline } from "shared/pod/wait";
import type { Annotations } from "../oci/descriptor.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { type AttemptEnd, hasStarted, nextEnd, observe, type SidecarState } from "./attempt-end.ts";
import { inputAnnotations } from "./provenance.ts";
import { type OutcomePolicies, runOutcome, runReference } from "./run-outcome.ts";

/** A push: where to, what, with which annotations beside the usual ones, and what has to hold when the tag is written. */
export interface PushOrder {
  readonly reference: Reference;
  readonly paths: readonly string[];
  readonly annotations: Annotations;
  /** Called when all has been read, before the tag is written; what it throws is thrown, and there is no tag. */
  readonly confirm: () => Promise<void>;
}

/** The steps of a sidecar that are not its own. */
export interface SidecarSteps {
  /** Takes the sidecar's own lease, which is never given back: it ends with the process. */
  readonly takeLease: () => Promise<void>;
  /** Pulls every input; gives what was pulled. Nothing of an earlier try stays. */
  readonly pull: () => Promise<ArtifactRecord[]>;
  /** The state of the launcher's lease. */
  readonly lease: () => Promise<LeaseState>;
  /** Leaves a launcher that is about to start the time to take back what an earlier one said. */
  readonly settle: (signal: AbortSignal) => Promise<void>;
  /** The paths of an attempt's outputs. */
  readonly savedOutputs: (end: AttemptEnd) => Promise<readonly string[]>;
  readonly push: (order: PushOrder) => Promise<ArtifactRecord>;
}

/** What a sidecar is to do. */
export interface SidecarOptions extends OutcomePolicies {
  /** Where to pull from; empty for no inputs. */
  readonly pullFrom: readonly Reference[];
  /** Where to push to; undefined for nowhere. */
  readonly pushTo: Reference | undefined;
  /** Seconds until a launcher has shown itself; unlimited by default: one that holds no lease shows itself only at its end. */
  readonly startTimeoutSeconds: number | undefined;
  /** Seconds until the attempt has ended; unlimited by default. */
  readonly timeoutSeconds: number | undefined;
  /** Whether to stay after a push, for further attempts, until the pod ends. */
  readonly native: boolean;
}

/** What a sidecar needs of its process. */
export interface SidecarContext {
  readonly volume: SharedVolume;
  /** Ends every wait: its reason is thrown. */
  readonly signal: AbortSignal;
  /** Tells that the pod is ending: the sidecar of a native pod finishes what there is. Never, by default. */
  readonly ending: AbortSignal;
  readonly waitLog: Log;
  readonly warn: Log;
}

/** How an attempt was dealt with. */
export interface SidecarResult {
  /** What was pushed; undefined where there was nothing to push. */
  readonly pushed: ArtifactRecord | undefined;
  /** What the sidecar ends with all the same, such as the launcher's death; undefined for a success. */
  readonly failure: ToolError | undefined;
}

/**
 * The life of a sidecar: it takes its lease, brings the inputs, writes the init marker, waits for the launcher's end, pushes what there
 * is, and writes the pushed marker; `report` gets each result. The tag that was asked for names only the whole output of
 * a run that succeeded. A failure is written as a marker before it is thrown, so that the launcher does not wait for what
 * will not come. Gives the last result (docs/protocol.md, "The sidecar").
 */
export async function runSidecar(
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
  report: (result: SidecarResult) => void,
): Promise<SidecarResult> {
  await steps.takeLease();
  const inputs = await bringInputs(options, context, steps);
  await waitForStart(options, context, steps);
  await settleOldEnd(context, steps);
  let result: SidecarResult = { pushed: undefined, failure: undefined };
  for (let handled: string | undefined; ; ) {
    const end = await waitForEnd(handled, options, context, steps);
    if (end === "over") return result;
    const dealt = await dealWith(end, inputs, options, context, steps);
    if (dealt === "superseded") continue;
    result = dealt;
    report(result);
    if (!options.native) return result;
    handled = end.id;
  }
}

/** Brings the inputs and writes the init marker; gives what was brought. */
async function bringInputs(
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<readonly ArtifactRecord[]> {
  const { volume } = context;
  // What an earlier sidecar failed at, which may have been its command line alone, is not what this one fails at.
  await volume.remove(SHARE.initFailed);
  const previous = await volume.read(SHARE.init, parseInitMarker);
  const wanted = options.pullFrom.map(formatReference);
  const there = previous?.inputs.map(({ reference }) => reference);
  // After a restart the inputs are there already, and the application may be reading them.
  if (previous !== undefined && isDeepStrictEqual(there, wanted)) return previous.inputs;
  await volume.remove(SHARE.init);
  try {
    const inputs = wanted.length === 0 ? [] : await steps.pull();
    await volume.write(SHARE.init, { schema: 1, by: "sidecar", inputs } satisfies InitMarker);
    return inputs;
  } catch (error) {
    await leaveFailure(context, SHARE.initFailed, null, error);
    throw error;
  }
}

async function waitForStart(options: SidecarOptions, context: SidecarContext, steps: SidecarSteps): Promise<void> {
  const { volume, signal, ending } = context;
  const late = deadline(options.startTimeoutSeconds, () => "the application never started");
  if (late === undefined) return;
  const look = async () => (hasStarted(await observe(volume, steps.lease)) ? true : undefined);
  try {
    await volume.until(look, { names: LAUNCHER_NAMES, signal: anySignal(signal, late, ending) });
  } catch (error) {
    if (signal.aborted || !ending.aborted) throw error;
  }
}

const LAUNCHER_NAMES = [SHARE.started, SHARE.done, SHARE.doneFailed] as const;

/** An end that was there before us may be of an attempt whose successor is about to start. */
async function settleOldEnd(context: SidecarContext, steps: SidecarSteps): Promise<void> {
  if ((await endNow(false, context, steps)) !== "wait") await steps.settle(context.signal);
}

/** What one look shows. */
function endNow(ending: boolean, { volume }: SidecarContext, steps: SidecarSteps): Promise<ReturnType<typeof nextEnd>> {
  const look = async () => nextEnd(await observe(volume, steps.lease), { handled: undefined, ending });
  return volume.until(look, { names: [] });
}

async function waitForEnd(
  handled: string | undefined,
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<AttemptEnd | "over"> {
  const { volume, ending, waitLog } = context;
  const signal = anySignal(
    context.signal,
    deadline(options.timeoutSeconds, () => "the application is not done"),
  );
  const look = (state: SidecarState) => async () => {
    const end = nextEnd(await observe(volume, steps.lease), state);
    return end === "wait" ? undefined : end;
  };
  const until = (state: SidecarState, until: AbortSignal) =>
    volume.until(look(state), { names: LAUNCHER_NAMES, signal: until, log: waitLog });
  const done = join(volume.folder, SHARE.done);
  waitLog(done);
  const end = await until({ handled, ending: false }, anySignal(signal, ending)).catch((error: unknown) => {
    if (signal.aborted || !ending.aborted) throw error;
    return until({ handled, ending: true }, signal);
  });
  if (end !== "over" && end.kind === "done") waitLog(`Found existing path ${done}`);
  return end;
}

/** Deals with the end of an attempt; `superseded` where the launcher started again meanwhile: then that attempt counts. */
async function dealWith(
  end: AttemptEnd,
  inputs: readonly ArtifactRecord[],
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<SidecarResult | "superseded"> {
  const { run, unpushed, failure, ...outcome } = runOutcome(end, options);
  const annotations = { ...outcome.annotations, ...inputAnnotations(inputs) };
  const why = options.pushTo === undefined ? "the sidecar has nowhere to push to" : unpushed;
  if (options.pushTo === undefined || why !== undefined) {
    return leaveUnpushed(end, why ?? "", failure, context);
  }
  const reference = runReference(options.pushTo, run);
  try {
    const before = await previousPush(context.volume, end, reference);
    const pushed = before ?? (await pushOutputs(end, { reference, annotations }, context, steps));
    if (pushed === undefined) return leaveUnpushed(end, "the attempt is incomplete and left nothing", failure, context);
    if (run !== "succeeded") context.warn(`the run ${RUN_WORDS[run]}: what it left is ${reference.tag}`);
    return { pushed, failure };
  } catch (error) {
    if (!context.signal.aborted && (await isSuperseded(end, context, steps))) {
      context.warn(`nothing is pushed of the attempt ${end.attempt}: the launcher started again`);
      return "superseded";
    }
    await leaveFailure(context, SHARE.pushFailed, end.attempt, error);
    if (failure === undefined) throw error;
    context.warn(`what was left could not be pushed: ${describeError(error)}`);
    return { pushed: undefined, failure };
  }
}

const RUN_WORDS = { failed: "failed", incomplete: "is incomplete" } as const;

/** Says why nothing is pushed: in the log, and to whoever waits for the push. */
async function leaveUnpushed(
  end: AttemptEnd,
  why: string,
  failure: ToolError | undefined,
  context: SidecarContext,
): Promise<SidecarResult> {
  context.warn(`nothing is pushed: ${why}`);
  await leaveFailure(context, SHARE.pushFailed, end.attempt, new ToolError("notPushed", why));
  return { pushed: undefined, failure };
}

/** What was pushed before a restart of this sidecar: the same attempt's outputs are not pushed to the same place again. */
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
  // A launcher takes back its marker before it touches an output: while the end still stands, what was read is whole.
  const confirm = async () => {
    if (await isSuperseded(end, context, steps))
      throw new ToolError("noInput", "the outputs are of an earlier attempt");
  };
  const { reference, digest } = await steps.push({ ...to, paths, confirm });
  const finishedAt = new Date().toISOString();
  const marker: PushedMarker = { schema: 1, attempt: end.attempt, reference, digest, finishedAt };
  await volume.write(SHARE.pushed, marker);
  await volume.remove(SHARE.pushFailed);
  return { reference, digest };
}

async function isSuperseded(end: AttemptEnd, context: SidecarContext, steps: SidecarSteps): Promise<boolean> {
  const now = await endNow(context.ending.aborted, context, steps);
  return typeof now === "string" || now.id !== end.id;
}

async function leaveFailure(
  { volume, warn }: SidecarContext,
  name: string,
  attempt: string | null,
  error: unknown,
): Promise<void> {
  const exitCode = (error as { exitCode?: number }).exitCode ?? EXIT_CODES.software;
  const marker: FailureMarker = { schema: 1, attempt, exitCode, error: describeError(error) };
  // The first failure is the one to tell: a marker that can't be written as well is only named.
  await volume.write(name, marker).catch((second) => warn(describeError(second)));
}
