import type { Segment, SegmentSource } from "../tar/segments.ts";
import type { ArchiveSums } from "./archive-sums.ts";
import { GZIP_HEADER, gzipEnd } from "./gzip.ts";
import { asyncCompressor } from "./gzip-block.ts";
import { fillSegment, SegmentRing } from "./segment-ring.ts";
import { encodeParts } from "./thread-job.ts";
import type { Threads } from "./threads.ts";

/** How to encode an archive. */
export interface ArchiveEncoding {
  /**
   * The gzip level: 1 to 9, or 0 to store the bytes uncompressed. If undefined, the archive is only read and hashed.
   */
  readonly level: number | undefined;
  /** The threads for a large archive; by default none. */
  readonly threads?: Threads | undefined;
  /** If this signal aborts, the function stops reading the archive, and throws the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
}

/** The number of slots if no threads are used. libuv compresses up to four blocks at the same time. */
const OWN_SLOTS = 4;

/** A function that returns a compressed segment. The buffers do not use the memory of the ring. */
type Take = () => readonly Buffer[];

/** Fills and compresses a segment. */
type Encoder = (index: number, segment: Segment) => Promise<Take>;

/**
 * Reads an archive, adds its bytes to `sums`, and compresses it to one gzip member (RFC 1952). Several segments are
 * processed at the same time, but the results come in order. The result depends only on the archive and the level, not
 * on the number of threads. Throws `noInput` with the path if a file cannot be read or changes while it is read.
 */
export async function* encodedArchive(
  source: SegmentSource,
  sums: ArchiveSums,
  encoding: ArchiveEncoding,
): AsyncGenerator<Buffer> {
  const { level } = encoding;
  if (level !== undefined) yield GZIP_HEADER;
  yield* encodedSegments(source, sums, encoding);
  if (level !== undefined) yield gzipEnd(sums.checksum, sums.size);
}

async function* encodedSegments(
  source: SegmentSource,
  sums: ArchiveSums,
  { level, threads, signal }: ArchiveEncoding,
): AsyncGenerator<Buffer> {
  const running: { readonly length: number; readonly result: Promise<Take> }[] = [];
  const claimed = threads !== undefined && source.isLarge() && threads.claim();
  const ring = new SegmentRing(claimed ? 2 * threads.count + 2 : OWN_SLOTS);
  const encode = claimed ? threadEncoder(ring, level, threads) : await ownEncoder(ring, level);
  let next = 0;
  try {
    for (let index = 0; ; index++) {
      // One slot must not get a new segment: it contains the dictionary of the segment at `index`.
      for (let more = true; more && next < index + ring.slots - 1; ) {
        const segment = source.next(ring.segment(next));
        more = segment !== undefined;
        if (segment === undefined) continue;
        const result = encode(next++, segment);
        // The error is thrown later, when the promise is awaited. Without this handler, Node would report an unhandled
        // rejection.
        result.catch(() => {});
        running.push({ length: segment.length, result });
      }
      const first = running.shift();
      if (first === undefined) return;
      const take = await first.result;
      signal?.throwIfAborted();
      sums.update(ring.segment(index, first.length));
      yield* take();
    }
  } finally {
    source.close();
    await Promise.allSettled(running.map(({ result }) => result));
    if (claimed) threads.release();
  }
}

/** Returns an encoder that fills segments on this thread, and compresses them on libuv's threads. */
async function ownEncoder(ring: SegmentRing, level: number | undefined): Promise<Encoder> {
  const compress = level === undefined ? undefined : await asyncCompressor(level);
  return async (index, { length, parts }) => {
    fillSegment(ring, index, parts);
    if (compress === undefined) return () => [];
    const chunks = await compress(ring.segment(index, length), ring.dictionary(index));
    return () => chunks;
  };
}

/**
 * Returns an encoder that fills and compresses segments on `threads`. Copies the compressed bytes out of the ring,
 * because the consumer may keep them. Copies them as late as possible, because the garbage collection frees a buffer
 * early only if the buffer was used for a short time.
 */
function threadEncoder(ring: SegmentRing, level: number | undefined, threads: Threads): Encoder {
  const { memory, slots } = ring;
  return async (index, segment) => {
    const job = { index, length: segment.length, memory, slots, level, ...encodeParts(segment.parts) };
    const length = await threads.run(job);
    return () => (length === 0 ? [] : [copyOf(ring.compressed(index, length))]);
  };
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
