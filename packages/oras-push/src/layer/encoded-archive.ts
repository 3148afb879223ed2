import type { Digest } from "../oci/digest.ts";
import type { SegmentSource } from "../tar/segments.ts";
import type { Format } from "./compression.ts";
import { crc32Combine } from "./crc32-combine.ts";
import { GZIP_HEADER, gzipEnd } from "./gzip.ts";
import { readAhead } from "./read-ahead.ts";
import { type EncodedSegment, ownEncoder, threadEncoder } from "./segment-encoder.ts";
import type { Threads } from "./threads.ts";

/** How to encode an archive. */
export interface ArchiveEncoding {
  /**
   * The compression level. For gzip, the level is 1 to 9, or 0 to store the bytes uncompressed. If this field is
   * undefined, the archive is only read and hashed.
   */
  readonly level: number | undefined;
  /** The format of the compressed bytes. The default is gzip. */
  readonly format?: Format | undefined;
  /** The threads for a large archive. By default, no threads are used. */
  readonly threads?: Threads | undefined;
  /** If this signal aborts, {@link encodedArchive} stops and throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The size and the checksums of an archive. */
export interface ArchiveSums {
  /** The size in bytes. */
  readonly size: number;
  /** The CRC-32. */
  readonly checksum: number;
  readonly digest: Digest;
}

/**
 * The maximum length of the queue of compressed segments that wait for the consumer. The queue is used only if many
 * threads encode. Without the queue, these threads would get no new segments while the consumer waits for the network.
 */
const AHEAD = 8;

/** A segment that is being encoded. */
interface RunningSegment {
  /** The length in bytes. */
  readonly length: number;
  readonly encoded: Promise<EncodedSegment>;
  readonly hashed: Promise<void>;
}

/**
 * Reads an archive, and compresses it to one gzip member (RFC 1952) or to zstd frames (RFC 8878). Encodes several
 * segments at the same time, and yields the results in order. The result depends only on the archive, the format and
 * the level, not on the number of threads. Returns the size and the checksums of the uncompressed archive. Throws
 * `noInput` with the path if a file cannot be read or changes while it is read.
 */
export async function* encodedArchive(
  source: SegmentSource,
  encoding: ArchiveEncoding,
): AsyncGenerator<Buffer, ArchiveSums> {
  const { level, threads, format } = encoding;
  const isGzip = level !== undefined && format !== "zstd";
  if (isGzip) yield GZIP_HEADER;
  const segments = encodedSegments(source, encoding);
  const sums = yield* threads?.hashes === true ? readAhead(segments, AHEAD) : segments;
  if (isGzip) yield gzipEnd(sums.checksum, sums.size);
  return sums;
}

async function* encodedSegments(
  source: SegmentSource,
  { level, format = "gzip", threads, signal }: ArchiveEncoding,
): AsyncGenerator<Buffer, ArchiveSums> {
  const running: RunningSegment[] = [];
  const claimed = threads !== undefined && source.isLarge() && threads.claim();
  const encoder = claimed ? threadEncoder(threads, level, format) : await ownEncoder(level, format);
  const { ring, hash } = encoder;
  const start = (index: number) => {
    const segment = source.next(ring.segment(index));
    if (segment === undefined) return false;
    const { length } = segment;
    const encoded = encoder.encode(index, segment);
    const hashed = hash.add(index, length, encoded);
    // The errors are thrown later, when the promises are awaited. Without these handlers, Node would report unhandled
    // rejections.
    encoded.catch(() => {});
    hashed.catch(() => {});
    running.push({ length, encoded, hashed });
    return true;
  };
  let next = 0;
  let size = 0;
  let checksum = 0;
  try {
    for (let index = 0; ; index++) {
      // One slot gets no new segment, because it holds the dictionary of the segment at `index`.
      while (next < index + ring.slots - 1 && start(next)) next++;
      const first = running.shift();
      if (first === undefined) return { size, checksum, digest: await hash.digest() };
      const encoded = await first.encoded;
      await first.hashed;
      signal?.throwIfAborted();
      checksum = crc32Combine(checksum, encoded.checksum, first.length);
      size += first.length;
      yield* encoded.take();
    }
  } finally {
    source.close();
    await Promise.allSettled(running.flatMap(({ encoded, hashed }) => [encoded, hashed]));
    if (claimed) threads.release();
  }
}
