import type { LayerSource } from "../layer/layer.ts";
import { type Annotations, type Descriptor, EMPTY_CONTENT, EMPTY_DESCRIPTOR } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { buildManifest, type StoredManifest } from "../oci/manifest.ts";
import { ANNOTATIONS } from "../oci/media-types.ts";
import type { AnyReference } from "../oci/reference.ts";
import type { SentBlob } from "../oci/repository.ts";
import { mapConcurrently } from "./concurrency.ts";
import { earlierContent } from "./earlier-content.ts";
import { checkSameContent } from "./no-clobber.ts";
import type { Progress } from "./progress.ts";
import { describeLayer, type PushedLayer, pushAgain, pushLayer } from "./push-layer.ts";

/** What a push needs of the place that it pushes to. */
export interface PushTarget {
  hasBlob(digest: Digest): Promise<boolean>;
  /** Takes a blob from another target without it being sent; false where that can't be. */
  mountBlob(digest: Digest, from: PushTarget): Promise<boolean>;
  pushBlob(bytes: Buffer, digest: Digest): Promise<void>;
  pushKnownBlob(blob: SentBlob, open: () => AsyncIterable<Buffer>): Promise<void>;
  pushStreamedBlob(open: () => AsyncIterable<Buffer>): Promise<SentBlob>;
  fetchManifest(reference: string): Promise<StoredManifest | undefined>;
  fetchBlob(descriptor: Descriptor): AsyncIterable<Buffer>;
  hasTags(): Promise<boolean>;
  pushManifest(manifest: StoredManifest, tag: string | undefined): Promise<void>;
  /** Stores a manifest under a tag that is free; where it is not, gives what it names and stores nothing. */
  addManifest(manifest: StoredManifest, tag: string): Promise<StoredManifest | undefined>;
}

/** A repository or a layout, and the references in it that are to name the artifact. */
export interface Destination {
  readonly target: PushTarget;
  readonly references: readonly AnyReference[];
}

/** What is pushed, beside the layers. */
export interface Artifact {
  readonly artifactType?: string | undefined;
  readonly annotations: Annotations;
  /** Those of the config's descriptor. */
  readonly configAnnotations?: Annotations;
}

/** How a push is done. */
export interface PushOptions {
  /** Layers that are sent at the same time. */
  readonly concurrency: number;
  /** A tag that names other content is a failure, and stays as it is. */
  readonly noClobber: boolean;
  readonly progress: Progress;
  /** Called when every layer has been read and sent, before a tag is written; what it throws is thrown. Nothing by default. */
  readonly confirm?: (() => Promise<void>) | undefined;
}

/** What a reference names after a push. */
export interface PushResult {
  readonly reference: AnyReference;
  readonly manifest: StoredManifest;
  readonly layers: readonly PushedLayer[];
}

/**
 * Pushes layers and the manifest that holds them together to one place or several: each blob goes once to each. The
 * manifests go last, when every place has every blob: a tag never names a part of an artifact. Gives a result for each
 * reference in its order. Throws `cannotCreate` where a tag must not be overwritten, before anything is sent if it can.
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
    .map(({ target, references }) => ({ target, references: references.filter((one) => !isKept(one)) }))
    .filter(({ references }) => references.length > 0);
  const pushed = await pushBlobs(open, sources, options);
  await options.confirm?.();
  const results: PushResult[] = [...kept];
  for (const [index, { target, references }] of open.entries()) {
    const layers = pushed[index] as PushedLayer[];
    const manifest = manifestOf(artifact, layers);
    for (const reference of references)
      results.push({ reference, manifest: await pushTag(target, reference, manifest, options), layers });
  }
  const order = destinations.flatMap(({ references }) => references);
  return results.sort((a, b) => order.indexOf(a.reference) - order.indexOf(b.reference));
}

/** When the artifact was made, as its annotation says it: RFC 3339, UTC, whole seconds. */
export function createdAnnotation(date: Date): Annotations {
  return { [ANNOTATIONS.created]: `${date.toISOString().slice(0, 19)}Z` };
}

/** The references that name the same content already; throws where one names other content. Nothing is sent. */
async function keptResults(
  destinations: readonly Destination[],
  sources: readonly LayerSource[],
  artifact: Artifact,
  options: PushOptions,
): Promise<PushResult[]> {
  const found: { readonly reference: AnyReference; readonly manifest: StoredManifest }[] = [];
  for (const { target, references } of destinations)
    for (const reference of references) {
      const manifest = await taggedManifest(target, reference);
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

/** Sends the blobs of all layers to every destination; gives the layers of each. */
async function pushBlobs(
  destinations: readonly Destination[],
  sources: readonly LayerSource[],
  { concurrency, progress }: PushOptions,
): Promise<PushedLayer[][]> {
  const pushed: PushedLayer[][] = [];
  for (const { target, references } of destinations) {
    const [known] = pushed;
    const earlier = earlierContent(target, references);
    const first = destinations[0]?.target as PushTarget;
    pushed.push(
      await mapConcurrently([...sources.entries()], concurrency, ([index, source]) => {
        const layer = known?.[index];
        return layer === undefined
          ? pushLayer(target, source, earlier, progress)
          : pushAgain(target, source, layer.descriptor, first, progress);
      }),
    );
    if (!(await target.hasBlob(EMPTY_DESCRIPTOR.digest))) await target.pushBlob(EMPTY_CONTENT, EMPTY_DESCRIPTOR.digest);
  }
  return pushed;
}

/** Writes a tag; gives the manifest that it names then. */
async function pushTag(
  target: PushTarget,
  reference: AnyReference,
  manifest: StoredManifest,
  { noClobber }: PushOptions,
): Promise<StoredManifest> {
  const { tag } = reference;
  if (!noClobber || tag === undefined) {
    await target.pushManifest(manifest, tag);
    return manifest;
  }
  // Another may have written the tag while the blobs were sent.
  const there = await target.addManifest(manifest, tag);
  if (there !== undefined) checkSameContent(reference, there, manifest);
  return there ?? manifest;
}

async function taggedManifest(target: PushTarget, { tag }: AnyReference): Promise<StoredManifest | undefined> {
  return tag === undefined ? undefined : await target.fetchManifest(tag);
}

function manifestOf(artifact: Artifact, layers: readonly PushedLayer[]): StoredManifest {
  return buildManifest({ ...artifact, layers: layers.map(({ descriptor }) => descriptor) });
}

function unsent(descriptor: Descriptor): PushedLayer {
  return { descriptor, sent: false };
}
