import type { ArtifactRecord } from "shared/pod/markers";
import { mapConcurrently } from "../artifact/concurrency.ts";
import { openStore } from "../artifact/open-store.ts";
import type { TransferContext } from "../artifact/transfer.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { type Manifest, ManifestError, parseManifest, type StoredManifest } from "../oci/manifest.ts";
import { formatReference } from "../oci/reference.ts";
import { runIdentity } from "./provenance.ts";
import type { SidecarPlan } from "./sidecar-plan.ts";

/**
 * Searches for the artifact at the plan's reference `pushTo`. Returns the artifact if it is the whole output of a
 * successful run with the same inputs and the same cache key. Otherwise, returns undefined. Logs why an existing
 * artifact is not suitable, unless its manifest is invalid. Throws the errors of the registry.
 */
export async function findFinishedRun(
  inputs: readonly ArtifactRecord[],
  plan: SidecarPlan,
  context: TransferContext,
): Promise<ArtifactRecord | undefined> {
  const { pushTo } = plan;
  if (pushTo?.tag === undefined) return undefined;
  const store = await openStore(pushTo, "pull,push", plan, context);
  const stored = await store.fetchManifest(pushTo.tag);
  const manifest = stored === undefined ? undefined : manifestOf(stored);
  if (stored === undefined || manifest === undefined) return undefined;
  const reference = formatReference(pushTo);
  const reason = await reasonToRun(manifest, inputs, plan, store);
  if (reason === undefined) return { reference, digest: stored.descriptor.digest };
  context.warn(`the run is not skipped: ${reference} exists, but ${reason}`);
  return undefined;
}

/**
 * Returns the reason why a new run is necessary although the artifact exists. Returns undefined if no new run is
 * necessary.
 */
async function reasonToRun(
  manifest: Manifest,
  inputs: readonly ArtifactRecord[],
  { cacheKey, concurrency }: SidecarPlan,
  store: ArtifactStore,
): Promise<string | undefined> {
  if (!isSuccessful(manifest.annotations)) return "it is not the whole output of a successful run";
  if (!isSameRun(manifest.annotations, inputs, cacheKey)) return "its run had other inputs or another --cache-key";
  if (!(await isWhole(manifest, store, concurrency))) return "the registry has lost a part of it";
  return undefined;
}

/**
 * Whether annotations belong to a run that had these `inputs` and this `cacheKey`. The references, the digests and the
 * order of the inputs must be equal. This function is pure.
 */
export function isSameRun(
  annotations: Annotations,
  inputs: readonly ArtifactRecord[],
  cacheKey: string | undefined,
): boolean {
  const wanted = runIdentity(inputs, cacheKey);
  return [ANNOTATIONS.inputs, ANNOTATIONS.cacheKey].every((name) => annotations[name] === wanted[name]);
}

/** Whether annotations belong to the output of a run that succeeded. This function is pure. */
export function isSuccessful(annotations: Annotations): boolean {
  return annotations[ANNOTATIONS.exitCode] === "0" && annotations[ANNOTATIONS.incomplete] !== "true";
}

/**
 * Whether the store has every layer of an artifact. A registry can lose layers, for example through a garbage
 * collection.
 */
async function isWhole({ layers }: Manifest, store: ArtifactStore, concurrency: number): Promise<boolean> {
  const found = await mapConcurrently(layers, concurrency, ({ digest, size }) => store.hasBlob(digest, size));
  return found.every((exists) => exists);
}

function manifestOf({ bytes }: StoredManifest): Manifest | undefined {
  try {
    return parseManifest(bytes);
  } catch (error) {
    if (error instanceof ManifestError) return undefined;
    throw error;
  }
}
