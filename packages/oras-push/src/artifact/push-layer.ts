import { ToolError } from "shared/cli/tool-error";
import type { LayerSource, LayerStream } from "../layer/layer.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { ANNOTATIONS } from "../oci/media-types.ts";
import { digestOf, Meter, metered } from "../oci/meter.ts";
import { type EarlierContent, sameEarlierLayer } from "./earlier-content.ts";
import type { Progress } from "./progress.ts";
import type { PushTarget } from "./push.ts";

/** A layer as it stands in the manifest, and whether its blob was sent. */
export interface PushedLayer {
  readonly descriptor: Descriptor;
  /** False where the registry had the blob, or took it from another of its repositories. */
  readonly sent: boolean;
}

/** A layer up to this size is read before it is sent, so that a blob that the registry has is not sent; in bytes. */
const READ_FIRST = 8 << 20;

/** Sends the blob of a layer of which nothing is known yet, but what the place of the push may have from earlier ones. */
export async function pushLayer(
  target: PushTarget,
  source: LayerSource,
  earlier: EarlierContent,
  progress: Progress,
): Promise<PushedLayer> {
  const { size } = source;
  if (size === undefined || size <= READ_FIRST) return pushMadeLayer(target, source, earlier, progress);
  if (await earlier.mayHaveBlobs()) return pushFileLayer(target, source, size, progress);
  return sendWhileRead(target, source, source.open(), progress);
}

/**
 * Sends the blob of a layer that has gone to another place already: it is asked for, then mounted from there, and only then
 * made and sent again. Throws `noInput` where what is made is not what it was.
 */
export async function pushAgain(
  target: PushTarget,
  source: LayerSource,
  descriptor: Descriptor,
  from: PushTarget,
  progress: Progress,
): Promise<PushedLayer> {
  const { digest, size } = descriptor;
  if (await target.hasBlob(digest)) return skipped(progress, descriptor);
  if (await target.mountBlob(digest, from)) {
    progress.mounted(source.title, descriptor);
    return { descriptor, sent: false };
  }
  const blob = { digest, size };
  const report = progress.upload(source.title, blob);
  await target.pushKnownBlob(blob, () => report.watch(unchanged(source, descriptor)));
  report.done(blob);
  return { descriptor, sent: true };
}

/** The descriptor of a layer, which nothing is sent for. */
export async function describeLayer(source: LayerSource): Promise<Descriptor> {
  const { bytes, annotations } = source.open();
  const meter = new Meter();
  for await (const chunk of bytes) meter.update(chunk);
  return { mediaType: source.mediaType, digest: meter.digest(), size: meter.size, annotations: annotations() };
}

/** A layer's bytes once more; throws `noInput` before the last of them where they are not the same. */
async function* unchanged(source: LayerSource, { digest, size }: Descriptor): AsyncGenerator<Buffer> {
  const meter = new Meter();
  let last: Buffer | undefined;
  for await (const chunk of metered(source.open().bytes, meter)) {
    if (meter.size > size) break;
    if (last !== undefined) yield last;
    last = chunk;
  }
  if (meter.size !== size || meter.digest() !== digest)
    throw new ToolError("noInput", `${source.title} changed while it was pushed`, {
      hint: "push what is complete, or once nobody writes to it any more",
    });
  if (last !== undefined) yield last;
}

/** A large file that the registry may have is read twice: once for its digest, and again if the registry does not have it. */
async function pushFileLayer(
  target: PushTarget,
  source: LayerSource,
  size: number,
  progress: Progress,
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

/** What has to be made is sent while it is made, unless it turns out small, or what was pushed before. */
async function pushMadeLayer(
  target: PushTarget,
  source: LayerSource,
  earlier: EarlierContent,
  progress: Progress,
): Promise<PushedLayer> {
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
  const same = await sameEarlierLayer(target, source, start.head, await earlier.layers());
  if (same !== undefined) {
    await start.rest.return?.();
    return skipped(progress, same);
  }
  const { annotations } = start;
  return sendWhileRead(target, source, { bytes: continued(start.head, start.rest), annotations }, progress);
}

/** Sends a layer of which nothing is known before it has been read. The first try reads `stream`, a further one starts anew. */
async function sendWhileRead(
  target: PushTarget,
  source: LayerSource,
  stream: LayerStream,
  progress: Progress,
): Promise<PushedLayer> {
  const report = progress.upload(source.title, { size: source.size });
  let last = stream;
  let tries = 0;
  const blob = await target.pushStreamedBlob(() => {
    if (tries++ > 0) last = source.open();
    return report.watch(last.bytes);
  });
  report.done(blob);
  return { descriptor: { mediaType: source.mediaType, ...blob, annotations: last.annotations() }, sent: true };
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
