import type { LayerSource } from "../layer/layer.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import { type Annotations, type Descriptor, EMPTY_CONTENT, EMPTY_DESCRIPTOR } from "../oci/descriptor.ts";
import { buildManifest, type StoredManifest } from "../oci/manifest.ts";
import type { AnyReference } from "../oci/reference.ts";
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

/** The parts of a manifest besides its layers. */
export interface Artifact {
  readonly artifactType?: string | undefined;
  readonly annotations: Annotations;
  /** Annotations of the config descriptor. */
  readonly configAnnotations?: Annotations;
}

/** How to push. */
export interface PushOptions {
  /** Number of layers that are sent at the same time. */
  readonly concurrency: number;
  /** If true, the push fails if a tag points to different content. If false, the push overwrites the tag. */
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
 * reference, in the order of the references. With `noClobber`, throws `cannotCreate` if a tag points to different
 * content. The tags are checked before the upload, and again when they are written.
 */
export async function push(
  destinations: readonly Destination[],
  sources: readonly LayerSource[],
  artifact: Artifact,
  options: PushOptions,
): Promise<PushResult[]> {
  const kept = options.noClobber ? await keptResults(destinations, sources, artifact, options) : [];
  const isKept = (reference: AnyReference) => kept.some((result) => result.reference === reference);
  const open = destinations
    .map(({ store, references }) => ({ store, references: references.filter((one) => !isKept(one)) }))
    .filter(({ references }) => references.length > 0);
  const pushed = await pushBlobs(open, sources, options);
  await options.confirm?.();
  const results: PushResult[] = [...kept];
  for (const [index, { store, references }] of open.entries()) {
    const layers = pushed[index] as PushedLayer[];
    const manifest = manifestOf(artifact, layers);
    for (const reference of references)
      results.push({ reference, manifest: await pushTag(store, reference, manifest, options), layers });
  }
  const order = destinations.flatMap(({ references }) => references);
  return results.sort((a, b) => order.indexOf(a.reference) - order.indexOf(b.reference));
}

/** Returns the annotation with the date of an artifact. The date is in RFC 3339 format: UTC, in whole seconds. */
export function createdAnnotation(date: Date): Annotations {
  return { [ANNOTATIONS.created]: `${date.toISOString().slice(0, 19)}Z` };
}

/**
 * Returns results for the references that already point to the content of this push. Sends nothing. Throws
 * `cannotCreate` if a reference points to different content.
 */
async function keptResults(
  destinations: readonly Destination[],
  sources: readonly LayerSource[],
  artifact: Artifact,
  options: PushOptions,
): Promise<PushResult[]> {
  const found: { readonly reference: AnyReference; readonly manifest: StoredManifest }[] = [];
  for (const { store, references } of destinations)
    for (const reference of references) {
      const manifest = await taggedManifest(store, reference);
      if (manifest !== undefined) found.push({ reference, manifest });
    }
  if (found.length === 0) return [];
  const layers = (await mapConcurrently(sources, options.concurrency, describeLayer)).map(unsent);
  const wanted = manifestOf(artifact, layers);
  return found.map(({ reference, manifest }) => {
    checkSameContent(reference, manifest, wanted);
    for (const [index, { descriptor }] of layers.entries())
      options.progress.exists((sources[index] as LayerSource).title, descriptor);
    return { reference, manifest, layers };
  });
}

/** Sends the blobs of all layers to every destination. Returns the layers of each destination. */
async function pushBlobs(
  destinations: readonly Destination[],
  sources: readonly LayerSource[],
  { concurrency, progress }: PushOptions,
): Promise<PushedLayer[][]> {
  const pushed: PushedLayer[][] = [];
  for (const { store, references } of destinations) {
    const [known] = pushed;
    const earlier = earlierContent(store, references);
    const first = destinations[0]?.store as ArtifactStore;
    pushed.push(
      await mapConcurrently([...sources.entries()], concurrency, ([index, source]) => {
        const layer = known?.[index];
        return layer === undefined
          ? pushLayer(store, source, earlier, progress)
          : copyLayer(store, source, layer.descriptor, first, progress);
      }),
    );
    if (!(await store.hasBlob(EMPTY_DESCRIPTOR.digest, EMPTY_DESCRIPTOR.size)))
      await store.pushBlob(EMPTY_CONTENT, EMPTY_DESCRIPTOR.digest);
  }
  return pushed;
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

function manifestOf(artifact: Artifact, layers: readonly PushedLayer[]): StoredManifest {
  return buildManifest({ ...artifact, layers: layers.map(({ descriptor }) => descriptor) });
}

function unsent(descriptor: Descriptor): PushedLayer {
  return { descriptor, sent: false };
}
