import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describeError, ToolError } from "shared/cli/tool-error";
import { makeSharedFolders } from "shared/fs/folders";
import { grantReadAccess } from "shared/fs/read-access";
import { RESTORED_CHECKPOINT } from "shared/pod/checkpoint-markers";
import { type ArtifactRecord, type RestoredCheckpoint, SHARE } from "shared/pod/markers";
import { openStore } from "../artifact/open-store.ts";
import { type FoundArtifact, findArtifact, pull } from "../artifact/pull.ts";
import type { TransferContext } from "../artifact/transfer.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { isSameRun, isSuccessful } from "./finished-run.ts";
import { checkpointReference } from "./run-outcome.ts";
import type { PulledCheckpoint } from "./sidecar-context.ts";
import type { SidecarPlan } from "./sidecar-plan.ts";

/**
 * Pulls the checkpoint of an interrupted run to the volume. Pulls nothing if there is no checkpoint, if the checkpoint
 * belongs to a run with different inputs or a different cache key, or if the run of the checkpoint has already
 * succeeded. Throws a failure if the checkpoint cannot be pulled. With the mode `best-effort`, logs the failure as a
 * warning instead.
 */
export async function pullCheckpoint(
  inputs: readonly ArtifactRecord[],
  plan: SidecarPlan,
  context: TransferContext,
): Promise<PulledCheckpoint> {
  if (plan.pushTo === undefined) return {};
  const reference = checkpointReference(plan.pushTo);
  const name = formatReference(reference);
  const store = await openStore(reference, "pull,push", plan, context);
  try {
    const found = await findArtifact(store, name, reference.tag ?? "", undefined);
    if (found === undefined) return {};
    const checkpoint = checkpointOf(found.artifact.annotations, name);
    const unusable = await unusableReason(found, inputs, plan, plan.pushTo, store);
    if (unusable !== undefined) context.warn(`does not resume from ${name}: ${unusable}`);
    else await pullFiles(found, reference, store, plan, context);
    return { lastCheckpoint: checkpoint.number, ...(unusable === undefined ? { checkpoint } : {}) };
  } catch (error) {
    if (!(error instanceof ToolError) || context.signal.aborted) throw error;
    if (plan.resume === "best-effort") {
      context.warn(`does not resume from ${name}: ${describeError(error)}`);
      return {};
    }
    const hint = "to start from the beginning in this case, set --resume=best-effort";
    throw new ToolError(error.code, `cannot resume from ${name}`, { why: describeError(error), hint, cause: error });
  }
}

/** Reads the number and the patterns of a checkpoint. Throws `registry` if the artifact is not a checkpoint. */
export function checkpointOf(annotations: Annotations, name: string): RestoredCheckpoint {
  const number = Number(annotations[ANNOTATIONS.checkpoint] ?? Number.NaN);
  const patterns = patternsOf(annotations[ANNOTATIONS.checkpointPatterns]);
  if (Number.isSafeInteger(number) && number > 0 && patterns !== undefined) return { number, patterns };
  throw new ToolError("registry", `${name} is not a checkpoint`, {
    why: `expected the annotations ${ANNOTATIONS.checkpoint} and ${ANNOTATIONS.checkpointPatterns}`,
  });
}

function patternsOf(text: string | undefined): string[] | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return Array.isArray(value) && value.every((pattern) => typeof pattern === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}

async function unusableReason(
  { artifact: { annotations } }: FoundArtifact,
  inputs: readonly ArtifactRecord[],
  { cacheKey }: SidecarPlan,
  pushTo: Reference,
  store: ArtifactStore,
): Promise<string | undefined> {
  if (!isSameRun(annotations, inputs, cacheKey)) return "it belongs to a run with other inputs or another cache key";
  const output = await findArtifact(store, formatReference(pushTo), pushTo.tag ?? "", undefined);
  if (output !== undefined && isAfter(output.artifact.annotations, annotations)) return "its run has already succeeded";
  return undefined;
}

/**
 * True if `output` is from a successful run, and newer than `checkpoint`. The output is newer in two cases. In the
 * first case, the output and the checkpoint are from one attempt. In the second case, the attempt of the output resumed
 * from this checkpoint or from a later checkpoint.
 */
function isAfter(output: Annotations, checkpoint: Annotations): boolean {
  if (!isSuccessful(output)) return false;
  const { attempt, checkpoint: number, resumedFrom } = ANNOTATIONS;
  return output[attempt] === checkpoint[attempt] || Number(output[resumedFrom] ?? 0) >= Number(checkpoint[number]);
}

async function pullFiles(
  { manifest }: FoundArtifact,
  reference: Reference,
  store: ArtifactStore,
  { share, concurrency }: SidecarPlan,
  { progress, warn }: TransferContext,
): Promise<void> {
  const folder = join(share, SHARE.checkpoints, RESTORED_CHECKPOINT);
  await rm(folder, { recursive: true, force: true });
  makeSharedFolders(folder);
  const options = { folder, keepOldFiles: false, concurrency, progress, warn };
  await pull(store, formatReference(reference), manifest.descriptor.digest, options);
  // The application often runs as a different user than the sidecar, and must be able to read the checkpoint.
  grantReadAccess(folder, (_, failure) => {
    throw failure;
  });
}
