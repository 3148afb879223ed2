import type { Segment } from "../tar/segments.ts";
import { type ArchiveHash, ownHash, threadHash } from "./archive-hash.ts";
import type { Format } from "./compression.ts";
import { asyncCompressor } from "./gzip-block.ts";
import { fillSegment, SegmentRing } from "./segment-ring.ts";
import { encodeParts } from "./thread-task.ts";
import type { Threads } from "./threads.ts";
import { zlib } from "./zlib.ts";
import { asyncZstd } from "./zstd-segment.ts";

/** A segment after its compression. */
export interface EncodedSegment {
  /** The CRC-32 of the uncompressed segment. */
  readonly checksum: number;
  /** Returns the compressed segment. Later segments do not overwrite the returned buffers. */
  readonly take: () => readonly Buffer[];
}

/** Fills, compresses and hashes the segments of one archive. */
export interface SegmentEncoder {
  readonly ring: SegmentRing;
  readonly hash: ArchiveHash;
  /**
   * Fills and compresses a segment. Throws `noInput` with the path if a file cannot be read, or if a file changed after
   * it was found.
   */
  encode(index: number, segment: Segment): Promise<EncodedSegment>;
}

/**
 * The number of slots in the ring of {@link ownEncoder}. libuv compresses four blocks at the same time. A segment has
 * two blocks. Therefore, the four blocks fill two slots. The third slot holds the segment before these blocks. The end
 * of this segment is the dictionary for the first of the four blocks.
 */
const OWN_SLOTS = 3;

/**
 * Returns an encoder that fills and hashes segments on the current thread, and compresses segments on libuv's threads.
 * `level` is the compression level. For gzip, level 0 stores the bytes uncompressed. If `level` is undefined, the
 * segments are only filled and hashed.
 */
export async function ownEncoder(level: number | undefined, format: Format = "gzip"): Promise<SegmentEncoder> {
  const ring = new SegmentRing(OWN_SLOTS);
  const { crc32 } = await zlib();
  const compressor = format === "zstd" ? asyncZstd : asyncCompressor;
  const compress = level === undefined ? undefined : await compressor(level);
  const encode = async (index: number, { length, parts }: Segment) => {
    fillSegment(ring, index, parts);
    const segment = ring.segment(index, length);
    const checksum = crc32(segment);
    const chunks = compress === undefined ? [] : await compress(segment, ring.dictionary(index));
    return { checksum, take: () => chunks };
  };
  return { ring, hash: ownHash(ring), encode };
}

/**
 * Returns an encoder that fills and compresses segments on `threads`. The consumer keeps the compressed bytes for a
 * while. Meanwhile, later segments overwrite the ring. Therefore, `take` copies the bytes out of the ring. If `encode`
 * made the copy, the copy would live too long to be freed by a minor garbage collection.
 */
export function threadEncoder(threads: Threads, level: number | undefined, format: Format): SegmentEncoder {
  const ring = new SegmentRing(2 * threads.count + 2);
  const { memory, slots } = ring;
  const encode = async (index: number, { length, parts }: Segment) => {
    const task = { kind: "encode", index, length, memory, slots, level, format, ...encodeParts(parts) } as const;
    const { size, checksum } = await threads.encode(task);
    return { checksum, take: () => (size === 0 ? [] : [copyOf(ring.compressed(index, size))]) };
  };
  return { ring, hash: threads.hashes ? threadHash(ring, threads) : ownHash(ring), encode };
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
