import type { LayerSource } from "../layer/layer-source.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import { type Annotations, type Descriptor, EMPTY_DESCRIPTOR } from "../oci/descriptor.ts";
import type { StoredManifest } from "../oci/manifest.ts";
import type { AnyReference } from "../oci/reference.ts";
import {
  type Artifact,
  configsOf,
  layersOf,
  manifestOf,
  sourcesOf,
  type Target,
  targetsOf,
} from "./artifact-manifest.ts";
import { mapConcurrently } from "./concurrency.ts";
import { earlierContent } from "./earlier-content.ts";
import { checkSameContent } from "./no-clobber.ts";
import type { Progress } from "./progress.ts";
import { copyLayer, describeLayer, type PushedLayer, pushLayer } from "./push-layer.ts";

/** A store, and the references in this store that the push writes. */
export interface Destination {
  readonly store: ArtifactStore;
  readonly references: readonly AnyReference[];
}

/** A store, and the references and manifests that the push writes in this store. */
interface OpenDestination {
  readonly store: ArtifactStore;
  readonly targets: readonly Target[];
}

/** How to push. */
export interface PushOptions {
  /** Number of layers that are sent at the same time. */
  readonly concurrency: number;
  /**
   * If true, a tag that already points to different content makes the push fail. If false, the push overwrites the tag.
   */
  readonly noClobber: boolean;
  readonly progress: Progress;
  /**
   * A function that is called after the upload of all layers, but before any tag is written. To stop the push, the
   * function throws an error. If this field is undefined, the push always continues.
   */
  readonly confirm?: (() => Promise<void>) | undefined;
}

/** The artifact that a reference points to after a push. */
export interface PushResult {
  readonly reference: AnyReference;
  readonly manifest: StoredManifest;
  readonly layers: readonly PushedLayer[];
}

/**
 * Pushes layers and their manifest to one or more stores. Sends each blob once to each store. Sends the manifests after
 * every store has every blob. Therefore, no tag ever points to an incomplete artifact. Returns one result for each
 * reference, in the order of the references. With `noClobber`, checks the tags before the upload, and checks each tag
 * again when it writes this tag. Throws `cannotCreate` if such a check finds different content.
 */
export async function push(
  destinations: readonly Destination[],
  sources: readonly LayerSource[],
  artifact: Artifact,
  options: PushOptions,
): Promise<PushResult[]> {
  const all = sourcesOf(sources, artifact);
  const targets = destinations.map(({ store, references }) => ({ store, targets: targetsOf(references, artifact) }));
  const kept = options.noClobber ? await keptResults(targets, all, artifact, options) : [];
  const isKept = ({ reference }: Target) => kept.some((result) => result.reference === reference);
  const open = targets
    .map(({ store, targets }) => ({ store, targets: targets.filter((target) => !isKept(target)) }))
    .filter(({ targets }) => targets.length > 0);
  const pushed = await pushBlobs(open, all, artifact, options);
  await options.confirm?.();
  const results: PushResult[] = [...kept];
  for (const [index, { store, targets }] of open.entries()) {
    const layers = pushed[index] as PushedLayer[];
    // In `targets`, each artifact comes before its image. This loop starts at the last target, and therefore writes the
    // image before the artifact. As a result, a client that finds the artifact also finds its image.
    for (const { reference, variant } of targets.toReversed()) {
      const manifest = manifestOf(artifact, layers, variant);
      const stored = await pushTag(store, reference, manifest, options);
      results.push({ reference, manifest: stored, layers: layersOf(artifact, layers, variant) });
    }
  }
  const order = targets.flatMap(({ targets }) => targets.map(({ reference }) => reference));
  return results.sort((a, b) => order.indexOf(a.reference) - order.indexOf(b.reference));
}

/** Returns the annotation with the date of an artifact. The date is in RFC 3339 format: UTC, in whole seconds. */
export function createdAnnotation(date: Date): Annotations {
  return { [ANNOTATIONS.created]: `${date.toISOString().slice(0, 19)}Z` };
}

/**
 * Returns results for the references that already point to the content of this push. Uploads nothing. Throws
 * `cannotCreate` if a reference points to different content.
 */
async function keptResults(
  destinations: readonly OpenDestination[],
  sources: readonly LayerSource[],
  artifact: Artifact,
  options: PushOptions,
): Promise<PushResult[]> {
  const found: (Target & { readonly manifest: StoredManifest })[] = [];
  for (const { store, targets } of destinations)
    for (const target of targets) {
      const manifest = await taggedManifest(store, target.reference);
      if (manifest !== undefined) found.push({ ...target, manifest });
    }
  if (found.length === 0) return [];
  const layers = (await mapConcurrently(sources, options.concurrency, describeLayer)).map(unsent);
  return found.map(({ reference, variant, manifest }) => {
    checkSameContent(reference, manifest, manifestOf(artifact, layers, variant));
    for (const [index, { descriptor }] of layers.entries())
      options.progress.exists((sources[index] as LayerSource).title, descriptor);
    return { reference, manifest, layers: layersOf(artifact, layers, variant) };
  });
}

/** Sends the blobs of all layers and configs to every destination. Returns the layers of each destination. */
async function pushBlobs(
  destinations: readonly OpenDestination[],
  sources: readonly LayerSource[],
  artifact: Artifact,
  { concurrency, progress }: PushOptions,
): Promise<PushedLayer[][]> {
  const pushed: PushedLayer[][] = [];
  for (const { store, targets } of destinations) {
    const [known] = pushed;
    const earlier = earlierContent(
      store,
      targets.map(({ reference }) => reference),
    );
    const first = destinations[0]?.store as ArtifactStore;
    const empty = probeEmptyConfig(store, artifact);
    const layers = await mapConcurrently([...sources.entries()], concurrency, ([index, source]) => {
      const layer = known?.[index];
      return layer === undefined
        ? pushLayer(store, source, earlier, progress)
        : copyLayer(store, source, layer.descriptor, first, progress);
    });
    pushed.push(layers);
    for (const { bytes, descriptor } of configsOf(artifact, layers)) {
      const known = (await empty) ?? (await store.hasBlob(descriptor.digest, descriptor.size));
      if (!known) await store.pushBlob(bytes, descriptor.digest);
    }
  }
  return pushed;
}

/**
 * Asks whether the store has the empty config. The push does not wait for the answer before it packs and sends the
 * layers. Returns undefined if there is no answer, or if the artifact does not use the empty config.
 */
async function probeEmptyConfig(store: ArtifactStore, { mountable }: Artifact): Promise<boolean | undefined> {
  if (mountable !== undefined) return undefined;
  return store.probeBlob(EMPTY_DESCRIPTOR.digest, EMPTY_DESCRIPTOR.size);
}

/** Writes a tag. Returns the manifest that the tag points to afterwards. */
async function pushTag(
  store: ArtifactStore,
  reference: AnyReference,
  manifest: StoredManifest,
  { noClobber }: PushOptions,
): Promise<StoredManifest> {
  const { tag } = reference;
  if (!noClobber || tag === undefined) {
    await store.pushManifest(manifest, tag);
    return manifest;
  }
  // Another push may have written the tag during the upload.
  const existing = await store.addManifest(manifest, tag);
  if (existing !== undefined) checkSameContent(reference, existing, manifest);
  return existing ?? manifest;
}

async function taggedManifest(store: ArtifactStore, { tag }: AnyReference): Promise<StoredManifest | undefined> {
  return tag === undefined ? undefined : await store.fetchManifest(tag);
}

function unsent(descriptor: Descriptor): PushedLayer {
  return { descriptor, sent: false };
}
