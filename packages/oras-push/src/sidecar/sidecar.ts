import { describeError, ToolError } from "shared/cli/tool-error";
import { type ArtifactRecord, type PushedMarker, parsePushedMarker, SHARE } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import { formatReference, type Reference } from "../oci/reference.ts";
import { type AttemptEnd, mediaTypesOf } from "./attempt-end.ts";
import { CheckpointPushes } from "./checkpoint-pushes.ts";
import { isSuperseded, nextLauncherStarts, settleOldEnd, waitForEnd, waitForStart } from "./launcher-wait.ts";
import { prepareRun } from "./prepare-run.ts";
import { runIdentity } from "./provenance.ts";
import { runOutcome, runReference } from "./run-outcome.ts";
import type { PushOrder, SidecarContext, SidecarOptions, SidecarResult, SidecarSteps } from "./sidecar-context.ts";
import { writeFailure } from "./write-failure.ts";

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
  const inputs = await prepareRun(options, context, steps);
  await waitForStart(options, context, steps);
  let endedEarlier = await settleOldEnd(context, steps);
  let result: SidecarResult = { pushed: undefined, failure: undefined };
  const checkpoints = new CheckpointPushes(inputs, options, context, steps);
  for (let handled: string | undefined; ; ) {
    const end = await waitForEnd(handled, checkpoints, options, context, steps);
    if (end === "over") return result;
    const outcome = await handleEnd(end, inputs, options, context, steps);
    if (outcome === "superseded") {
      endedEarlier = false;
      continue;
    }
    result = outcome;
    report(result);
    if (runOutcome(end, options).run === "succeeded") checkpoints.skip(end.attempt);
    handled = end.id;
    if (options.native && !endedEarlier) continue;
    // It is possible that the newest checkpoint is not pushed yet, because the sidecar pushes the outputs first.
    const checkpoint = await checkpoints.pending();
    if (checkpoint !== undefined) await checkpoints.push(checkpoint, async () => undefined);
    if (!options.native || !(await nextLauncherStarts(end, context, steps))) return result;
    endedEarlier = false;
  }
}

/** Pushes the outputs of an ended attempt. Returns `superseded` if the launcher has started a new attempt. */
async function handleEnd(
  end: AttemptEnd,
  inputs: readonly ArtifactRecord[],
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<SidecarResult | "superseded"> {
  if (end.marker?.skipped !== undefined) return reportSkipped(end, end.marker.skipped, context);
  const { run, notPushedReason, failure, ...outcome } = runOutcome(end, options);
  const annotations = { ...outcome.annotations, ...runIdentity(inputs, options.cacheKey) };
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
 * Handles a failed push. Returns `superseded` if a new attempt has started. Returns a result with the failure of the
 * attempt if the attempt itself failed. Otherwise, throws the error of the push.
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

/** Writes to the log and to a marker why nothing is pushed. The marker is for a launcher that waits for the push. */
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
 * Writes the pushed marker for a run that the launcher skipped. `artifact` is the output of an earlier run. The marker
 * is for a launcher that waits for the push.
 */
async function reportSkipped(
  { attempt }: AttemptEnd,
  artifact: ArtifactRecord,
  { volume }: SidecarContext,
): Promise<SidecarResult> {
  await writePushed(attempt, artifact, volume);
  return { pushed: undefined, failure: undefined };
}

async function writePushed(
  attempt: string | null,
  { reference, digest }: ArtifactRecord,
  volume: SharedVolume,
): Promise<void> {
  const marker: PushedMarker = { schema: 1, attempt, reference, digest, finishedAt: new Date().toISOString() };
  await volume.write(SHARE.pushed, marker);
  await volume.remove(SHARE.pushFailed);
}

/**
 * Returns the pushed marker if the sidecar already pushed the outputs of this attempt to this reference, and then
 * restarted. In this case, the sidecar does not push again. Otherwise, returns undefined.
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
  // A new launcher removes the markers of this attempt before it changes an output. So if the markers are unchanged
  // after the upload, no new launcher has changed an output.
  const confirm = async () => {
    if (await isSuperseded(end, context, steps))
      throw new ToolError("noInput", "the outputs belong to an earlier attempt");
  };
  const { reference, digest } = await steps.push({ ...to, paths, mediaTypes: mediaTypesOf(end), confirm });
  await writePushed(end.attempt, { reference, digest }, volume);
  return { reference, digest };
}
