import { describeError, ToolError } from "shared/cli/tool-error";
import type { LayerSource, LayerStream } from "../layer/layer-source.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { ArtifactStore, BlobInfo } from "../oci/artifact-store.ts";
import type { Annotations, Descriptor } from "../oci/descriptor.ts";
import { Meter, metered } from "../oci/meter.ts";
import { type EarlierContent, findSameLayer } from "./earlier-content.ts";
import type { Progress } from "./progress.ts";

/** A layer's descriptor in the manifest, and whether its blob was sent. */
export interface PushedLayer {
  readonly descriptor: Descriptor;
  /**
   * True if the blob was uploaded. False if the store already had the blob, or mounted the blob from another
   * repository.
   */
  readonly sent: boolean;
}

/**
 * A layer of up to this size, in bytes, is read into memory before the upload. The push then knows the digest of the
 * layer, and can ask whether the store already has the blob.
 */
const READ_FIRST = 8 << 20;

/** Sends a layer's blob, unless a check before the upload finds the blob in the store. */
export async function pushLayer(
  store: ArtifactStore,
  source: LayerSource,
  earlier: EarlierContent,
  progress: Progress,
): Promise<PushedLayer> {
  const { size } = source;
  if (size === undefined || size <= READ_FIRST) return pushStreamedLayer(store, source, earlier, progress);
  if (await earlier.mayHaveBlobs()) return pushLargeFile(store, source, size, progress);
  return sendWhileRead(store, source, source.open(), progress);
}

/**
 * Pushes a layer to a second store. The layer was already pushed to a first store. If the second store already has the
 * blob, sends nothing. Otherwise, tries to mount the blob. If the second store cannot mount the blob, reads the layer
 * again and sends the blob. Throws `noInput` if the layer changed after the push to the first store.
 */
export async function copyLayer(
  store: ArtifactStore,
  source: LayerSource,
  descriptor: Descriptor,
  from: ArtifactStore,
  progress: Progress,
): Promise<PushedLayer> {
  const { digest, size } = descriptor;
  if (await store.hasBlob(digest, size)) return skipped(progress, descriptor);
  if (await store.mountBlob(digest, from)) {
    progress.mounted(source.title, descriptor);
    return { descriptor, sent: false };
  }
  const blob = { digest, size };
  const report = progress.upload(source.title, blob);
  await store.pushKnownBlob(blob, () => report.watch(unchanged(source, descriptor)));
  report.done(blob);
  return { descriptor, sent: true };
}

/** Reads a layer and returns its descriptor. Sends nothing. */
export async function describeLayer(source: LayerSource): Promise<Descriptor> {
  const { bytes, annotations } = source.open();
  const meter = new Meter();
  for await (const chunk of bytes) meter.update(chunk);
  return { mediaType: source.mediaType, digest: meter.digest(), size: meter.size, annotations: annotations() };
}

/** Reads a layer again, and yields the content. Throws `noInput` before the last chunk if the content has changed. */
async function* unchanged(source: LayerSource, { digest, size }: Descriptor): AsyncGenerator<Buffer> {
  const meter = new Meter();
  let last: Buffer | undefined;
  for await (const chunk of metered(source.open().bytes, meter)) {
    if (meter.size > size) break;
    if (last !== undefined) yield last;
    last = chunk;
  }
  if (meter.size !== size || meter.digest() !== digest)
    throw new ToolError("noInput", `${source.title} changed during the push`, {
      hint: "wait until no process writes to the files, then push again",
    });
  if (last !== undefined) yield last;
}

/** Reads a large file to get its digest. If the store does not have the blob, reads the file again and sends it. */
async function pushLargeFile(
  store: ArtifactStore,
  source: LayerSource,
  size: number,
  progress: Progress,
): Promise<PushedLayer> {
  const first = source.open();
  const meter = new Meter();
  for await (const chunk of first.bytes) meter.update(chunk);
  const blob = { digest: meter.digest(), size };
  const descriptor = { mediaType: source.mediaType, ...blob, annotations: first.annotations() };
  if (await store.hasBlob(blob.digest, blob.size)) return skipped(progress, descriptor);
  const report = progress.upload(source.title, blob);
  await store.pushKnownBlob(blob, () => report.watch(source.open().bytes));
  report.done(blob);
  return { descriptor, sent: true };
}

/**
 * Reads a small layer completely, and sends it if the store does not have its blob. Sends a larger layer while the
 * layer is being read. Sends nothing if a larger layer equals a layer of an earlier push.
 */
async function pushStreamedLayer(
  store: ArtifactStore,
  source: LayerSource,
  earlier: EarlierContent,
  progress: Progress,
): Promise<PushedLayer> {
  const { head, rest, annotations } = await readStart(source);
  if (rest === undefined) return pushSmallLayer(store, source, head, annotations(), progress);
  try {
    const same = await findSameLayer(store, source, head, await earlier.layers());
    if (same !== undefined) return skipped(progress, same);
    return await sendWhileRead(store, source, { bytes: continued(head, rest), annotations }, progress);
  } finally {
    // Closes the layer, because a failed upload does not read the layer to its end.
    await rest.return?.();
  }
}

/** Sends a layer whose content is in memory, unless the store has the blob. */
async function pushSmallLayer(
  store: ArtifactStore,
  { title, mediaType }: LayerSource,
  content: readonly Buffer[],
  annotations: Annotations,
  progress: Progress,
): Promise<PushedLayer> {
  const meter = new Meter();
  for (const chunk of content) meter.update(chunk);
  const blob = { digest: meter.digest(), size: meter.size };
  const descriptor = { mediaType, ...blob, annotations };
  if (await store.hasBlob(blob.digest, blob.size)) return skipped(progress, descriptor);
  const report = progress.upload(title, blob);
  await sendFromMemory(store, blob, content).catch((error: unknown) => {
    throw blob.size === 0 ? refusedEmpty(title, error) : error;
  });
  report.done(blob);
  return { descriptor, sent: true };
}

/** Sends a blob from memory. Does not join the chunks, because a joined copy would double the needed memory. */
function sendFromMemory(store: ArtifactStore, blob: BlobInfo, chunks: readonly Buffer[]): Promise<void> {
  if (chunks.length < 2) return store.pushBlob(chunks[0] ?? Buffer.alloc(0), blob.digest);
  return store.pushKnownBlob(blob, () => streamOf(chunks));
}

async function* streamOf(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

/**
 * Returns an error that explains why the push of an empty file failed. Some registries refuse empty blobs. No other
 * blob can replace an empty blob, because clients restore an empty file only from an empty blob.
 */
function refusedEmpty(title: string, error: unknown): unknown {
  if (!(error instanceof ToolError) || error.code !== "registry") return error;
  return new ToolError("registry", `the registry refused the empty file ${title}`, {
    why: describeError(error),
    hint: "push the folder that contains the file, or write something into the file",
    cause: error,
  });
}

/** Sends a layer while the layer is being read. The first attempt reads `stream`. A retry opens the layer again. */
async function sendWhileRead(
  store: ArtifactStore,
  source: LayerSource,
  stream: LayerStream,
  progress: Progress,
): Promise<PushedLayer> {
  const report = progress.upload(source.title, { size: source.size });
  let last = stream;
  let attempts = 0;
  const blob = await store.pushStreamedBlob(() => {
    if (attempts++ > 0) last = source.open();
    return report.watch(last.bytes);
  });
  report.done(blob);
  return { descriptor: { mediaType: source.mediaType, ...blob, annotations: last.annotations() }, sent: true };
}

function skipped(progress: Progress, descriptor: Descriptor): PushedLayer {
  progress.exists(descriptor.annotations?.[ANNOTATIONS.title] ?? "", descriptor);
  return { descriptor, sent: false };
}

/**
 * Reads the first {@link READ_FIRST} bytes of a layer. In the result, `rest` yields all further bytes. `rest` is
 * undefined if there are no further bytes.
 */
async function readStart(source: LayerSource) {
  const { bytes, annotations } = source.open();
  const iterator = bytes[Symbol.asyncIterator]();
  const head: Buffer[] = [];
  let size = 0;
  while (size <= READ_FIRST) {
    const next = await iterator.next();
    if (next.done === true) return { head, rest: undefined, annotations };
    head.push(next.value);
    size += next.value.length;
  }
  return { head, rest: iterator, annotations };
}

/**
 * Yields all bytes. Removes each chunk from `head` before the chunk is yielded, so that the memory of the chunk can be
 * freed early.
 */
async function* continued(head: Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  for (let chunk = head.shift(); chunk !== undefined; chunk = head.shift()) yield chunk;
  yield* { [Symbol.asyncIterator]: () => rest };
}
