import { promisify } from "node:util";
import { periodicCollection } from "shared/cli/garbage-collector";
import { storedBlocks } from "./deflate-stored.ts";
import { looksRandom, repeatsItself } from "./randomness.ts";
import { zlib } from "./zlib.ts";

/**
 * The number of bytes that are compressed together. A different number would change the compressed bytes, and therefore
 * the digests.
 */
export const BLOCK = 256 << 10;

/**
 * The size of a segment of an archive, in bytes: a whole number of blocks. A thread compresses one segment at a time.
 */
export const SEGMENT: number = 2 * BLOCK;

/** The largest distance, in bytes, at which deflate finds repeated bytes (RFC 1951, section 2). */
export const WINDOW = 32 << 10;

/** zlib's `memLevel`. A different value would change the compressed bytes, and therefore the digests. */
const MEMORY_LEVEL = 9;

/**
 * After this number of compressed blocks, a thread collects its garbage. Before this collection, the dictionary of each
 * block stays in memory ({@link WINDOW} bytes). V8 does not count these bytes. Therefore, V8 itself would start the
 * collection too late.
 */
const COLLECTED = 32;

/**
 * Each time a thread has stored this number of blocks uncompressed, the thread runs a minor garbage collection. Without
 * these collections, tens of megabytes of blocks that were already sent would stay in memory.
 */
const COLLECTED_STORED = 16;

/** The minimum size, in bytes, of the blocks that {@link isStored} tests for incompressible content. */
const MIN_SAMPLED = 2 * WINDOW;

/**
 * The maximum size of a compressed segment, in bytes. A block that compression would make larger is stored
 * uncompressed, in at most five deflate blocks. The 64 bytes are enough for the headers of all deflate blocks in a
 * segment.
 */
export const MAX_COMPRESSED: number = SEGMENT + 64;

/**
 * Compresses one segment to deflate blocks, and writes them into `target`. Returns the length of the deflate blocks in
 * bytes. The deflate blocks end at a byte boundary, and none of them is marked as the last block. `dictionary` holds
 * the last {@link WINDOW} bytes before the segment.
 */
export type SyncCompressor = (segment: Buffer, dictionary: Buffer | undefined, target: Buffer) => number;

/** Compresses one segment like a {@link SyncCompressor}, and returns the deflate blocks. */
export type AsyncCompressor = (segment: Buffer, dictionary: Buffer | undefined) => Promise<Buffer[]>;

/**
 * Returns a compressor that works on this thread. `level` is 1 to 9, or 0 to store all blocks uncompressed. At every
 * level, the compressor stores a block uncompressed if the block seems incompressible or would grow.
 */
export async function syncCompressor(level: number): Promise<SyncCompressor> {
  const { constants, deflateRawSync } = await zlib();
  const options = optionsOf(level, constants.Z_SYNC_FLUSH);
  const collect = periodicCollection(COLLECTED);
  const storeBlock = storing();
  const compress = (block: Buffer, dictionary: Buffer | undefined) => {
    if (isStored(block, level)) return storeBlock(block);
    collect();
    const compressed = deflateRawSync(block, dictionary === undefined ? options : { ...options, dictionary });
    return compressed.length > block.length ? storedBlocks(block) : compressed;
  };
  return (segment, before, target) => {
    let length = 0;
    for (const [block, dictionary] of blocksOf(segment, before)) {
      const compressed = compress(block, dictionary);
      length += compressed.copy(target, length);
      // This call frees the memory of `compressed` at once. The garbage collection would free this memory too late.
      (compressed.buffer as ArrayBuffer).transfer(0);
    }
    return length;
  };
}

/** Does the same as {@link syncCompressor}, but the returned compressor works on libuv's threads. */
export async function asyncCompressor(level: number): Promise<AsyncCompressor> {
  const { constants, deflateRaw } = await zlib();
  const deflate = promisify(deflateRaw);
  const options = optionsOf(level, constants.Z_SYNC_FLUSH);
  const collect = periodicCollection(COLLECTED);
  const storeBlock = storing();
  const compress = async (block: Buffer, dictionary: Buffer | undefined) => {
    if (isStored(block, level)) return storeBlock(block);
    collect();
    const compressed: Buffer = await deflate(block, dictionary === undefined ? options : { ...options, dictionary });
    return compressed.length > block.length ? storedBlocks(block) : withOwnMemory(compressed);
  };
  return (segment, dictionary) => Promise.all(blocksOf(segment, dictionary).map((block) => compress(...block)));
}

/** Returns a function that stores blocks uncompressed, and collects the garbage of earlier blocks. */
function storing(): (block: Buffer) => Buffer {
  const collect = periodicCollection(COLLECTED_STORED, "minor");
  return (block) => {
    collect();
    return storedBlocks(block);
  };
}

function optionsOf(level: number, finishFlush: number) {
  return { level, memLevel: MEMORY_LEVEL, chunkSize: BLOCK, finishFlush };
}

/** Returns the blocks of a segment. Each block has its own dictionary. */
function blocksOf(segment: Buffer, before: Buffer | undefined): [block: Buffer, dictionary: Buffer | undefined][] {
  return Array.from({ length: Math.ceil(segment.length / BLOCK) }, (_, index) => {
    const start = index * BLOCK;
    const dictionary = start === 0 ? before : segment.subarray(start - WINDOW, start);
    return [segment.subarray(start, start + BLOCK), dictionary];
  });
}

/** Whether to store a block uncompressed without trying to compress it. */
function isStored(block: Buffer, level: number): boolean {
  return level === 0 || (block.length >= MIN_SAMPLED && looksRandom(block) && !repeatsItself(block, WINDOW));
}

/**
 * Copies a result of zlib to a new buffer, and frees zlib's buffer at once. zlib's buffer is usually larger than the
 * result. The garbage collection would free zlib's buffer too late.
 */
function withOwnMemory(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  (bytes.buffer as ArrayBuffer).transfer(0);
  return copy;
}
