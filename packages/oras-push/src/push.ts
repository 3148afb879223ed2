import { mapConcurrently } from "./concurrency.ts";
import type { LayerSource, LayerStream } from "./layer.ts";
import { type Annotations, type Descriptor, EMPTY_CONTENT, EMPTY_DESCRIPTOR } from "./oci/descriptor.ts";
import { type Digest, digestOf, Meter } from "./oci/digest.ts";
import { buildManifest, type StoredManifest } from "./oci/manifest.ts";
import { ANNOTATIONS } from "./oci/media-types.ts";
import type { SentBlob } from "./oci/repository.ts";
import type { Progress } from "./progress.ts";

/** What a push needs of the place that it pushes to. */
export interface PushTarget {
  hasBlob(digest: Digest): Promise<boolean>;
  pushBlob(bytes: Buffer, digest: Digest): Promise<void>;
  pushKnownBlob(blob: SentBlob, open: () => AsyncIterable<Buffer>): Promise<void>;
  pushStreamedBlob(open: () => AsyncIterable<Buffer>): Promise<SentBlob>;
  pushManifest(manifest: StoredManifest, tag: string | undefined): Promise<void>;
}

/** What is pushed, beside the layers. */
export interface Artifact {
  readonly artifactType?: string | undefined;
  readonly annotations: Annotations;
}

/** How a push is done. */
export interface PushOptions {
  /** Layers that are sent at the same time. */
  readonly concurrency: number;
  readonly progress: Progress;
  /** Called when every layer has been read and sent, before the manifest is; what it throws is thrown. Nothing by default. */
  readonly confirm?: (() => Promise<void>) | undefined;
}

/** A layer as it stands in the manifest, and whether its blob was sent. */
export interface PushedLayer {
  readonly descriptor: Descriptor;
  /** False where the registry had the blob. */
  readonly sent: boolean;
}

/** What was pushed. */
export interface PushResult {
  readonly manifest: StoredManifest;
  readonly layers: readonly PushedLayer[];
}

/** A layer up to this size is read before it is sent, so that a blob that the registry has is not sent; in bytes. */
const READ_FIRST = 8 << 20;

/**
 * Pushes layers and the manifest that holds them together. The manifest goes last, when every blob is confirmed: a tag
 * never names a part of an artifact.
 */
export async function push(
  target: PushTarget,
  sources: readonly LayerSource[],
  artifact: Artifact,
  tag: string | undefined,
  options: PushOptions,
): Promise<PushResult> {
  const layers = await mapConcurrently(sources, options.concurrency, (source) => pushLayer(target, source, options));
  if (!(await target.hasBlob(EMPTY_DESCRIPTOR.digest))) await target.pushBlob(EMPTY_CONTENT, EMPTY_DESCRIPTOR.digest);
  await options.confirm?.();
  const descriptors = layers.map(({ descriptor }) => descriptor);
  const manifest = buildManifest({ ...artifact, layers: descriptors });
  await target.pushManifest(manifest, tag);
  return { manifest, layers };
}

/** When the artifact was made, as its annotation says it: RFC 3339, UTC, whole seconds. */
export function createdAnnotation(date: Date): Annotations {
  return { [ANNOTATIONS.created]: `${date.toISOString().slice(0, 19)}Z` };
}

function pushLayer(target: PushTarget, source: LayerSource, options: PushOptions): Promise<PushedLayer> {
  return source.size === undefined || source.size <= READ_FIRST
    ? pushMadeLayer(target, source, options)
    : pushFileLayer(target, source, source.size, options);
}

/** A large file is read twice: once for its digest, and again if the registry does not have it. */
async function pushFileLayer(
  target: PushTarget,
  source: LayerSource,
  size: number,
  { progress }: PushOptions,
): Promise<PushedLayer> {
  const first = source.open();
  const meter = new Meter();
  for await (const chunk of first.bytes) meter.update(chunk);
  const blob = { digest: meter.digest(), size };
  const descriptor = { mediaType: source.mediaType, ...blob, annotations: first.annotations() };
  if (await target.hasBlob(blob.digest)) return skipped(progress, descriptor);
  const report = progress.upload(source.title, blob);
  await target.pushKnownBlob(blob, () => report.watch(source.open().bytes));
  report.done(blob);
  return { descriptor, sent: true };
}

/** What has to be made is sent while it is made, unless it turns out small. */
async function pushMadeLayer(target: PushTarget, source: LayerSource, { progress }: PushOptions): Promise<PushedLayer> {
  const start = await readStart(source);
  if (start.rest === undefined) {
    const content = start.head;
    const blob = { digest: digestOf(content), size: content.length };
    const descriptor = { mediaType: source.mediaType, ...blob, annotations: start.annotations() };
    if (await target.hasBlob(blob.digest)) return skipped(progress, descriptor);
    const report = progress.upload(source.title, blob);
    await target.pushBlob(content, blob.digest);
    report.done(blob);
    return { descriptor, sent: true };
  }
  const report = progress.upload(source.title, undefined);
  // The first try goes on from what has been read; a further one starts anew.
  let stream: LayerStream = { bytes: continued(start.head, start.rest), annotations: start.annotations };
  let tries = 0;
  const blob = await target.pushStreamedBlob(() => {
    if (tries++ > 0) stream = source.open();
    return report.watch(stream.bytes);
  });
  report.done(blob);
  return { descriptor: { mediaType: source.mediaType, ...blob, annotations: stream.annotations() }, sent: true };
}

function skipped(progress: Progress, descriptor: Descriptor): PushedLayer {
  progress.exists(descriptor.annotations?.[ANNOTATIONS.title] ?? "", descriptor);
  return { descriptor, sent: false };
}

/** Reads a layer up to {@link READ_FIRST}; `rest` is what follows, undefined where that was all. */
async function readStart(source: LayerSource) {
  const { bytes, annotations } = source.open();
  const iterator = bytes[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  let size = 0;
  while (size <= READ_FIRST) {
    const next = await iterator.next();
    if (next.done === true) return { head: Buffer.concat(chunks, size), rest: undefined, annotations };
    chunks.push(next.value);
    size += next.value.length;
  }
  return { head: Buffer.concat(chunks, size), rest: iterator, annotations };
}

async function* continued(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* { [Symbol.asyncIterator]: () => rest };
}
