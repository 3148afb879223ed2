import { promisify } from "node:util";
import { storedBlocks } from "./deflate-stored.ts";
import { looksRandom, repeatsItself } from "./randomness.ts";
import { zlib } from "./zlib.ts";

/**
 * The number of bytes that are compressed at a time. This size is part of the written format: a different size gives
 * different digests.
 */
export const BLOCK = 256 << 10;

/** The distance over which deflate finds repeated bytes (RFC 1951, section 2), in bytes. */
export const WINDOW = 32 << 10;

/** zlib's `memLevel`, which is also part of the written format. */
const MEMORY_LEVEL = 9;

/** The minimum size in bytes of a block that may be stored uncompressed. Shorter blocks are always compressed. */
const MIN_SAMPLED = 2 * WINDOW;

/**
 * Compresses one block to deflate blocks that end at a byte boundary, none of which is marked as the last one. `dictionary`
 * holds the last {@link WINDOW} bytes before the block.
 */
export type BlockCompressor = (block: Buffer, dictionary: Buffer | undefined) => Promise<Buffer>;

/**
 * The compressor for a level: 1 to 9, or 0 to store all blocks. At every level, it stores blocks that seem incompressible, and
 * blocks that would grow.
 */
export async function blockCompressor(level: number): Promise<BlockCompressor> {
  const { constants, deflateRaw } = await zlib();
  const deflate = promisify(deflateRaw);
  const options = { level, memLevel: MEMORY_LEVEL, chunkSize: BLOCK, finishFlush: constants.Z_SYNC_FLUSH };
  return async (block, dictionary) => {
    if (level === constants.Z_NO_COMPRESSION || isIncompressible(block)) return storedBlocks(block);
    const compressed: Buffer = await deflate(block, dictionary === undefined ? options : { ...options, dictionary });
    return compressed.length > block.length ? storedBlocks(block) : withOwnMemory(compressed);
  };
}

function isIncompressible(block: Buffer): boolean {
  return block.length >= MIN_SAMPLED && looksRandom(block) && !repeatsItself(block, WINDOW);
}

/**
 * Copies a small result out of the larger memory around it. zlib returns a part of a larger buffer, which may belong to
 * a pool, and a consumer that keeps the result would keep the whole buffer.
 */
function withOwnMemory(bytes: Buffer): Buffer {
  return bytes.length * 2 < bytes.buffer.byteLength ? Buffer.from(new Uint8Array(bytes).buffer) : bytes;
}
