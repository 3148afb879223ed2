import { promisify } from "node:util";
import { storedBlocks } from "./deflate-stored.ts";
import { looksRandom, repeatsItself } from "./randomness.ts";
import { zlib } from "./zlib.ts";

/**
 * The number of bytes that are compressed together. A different number would change the compressed bytes, and therefore
 * the digests.
 */
export const BLOCK = 256 << 10;

/** The largest distance, in bytes, at which deflate finds repeated bytes (RFC 1951, section 2). */
export const WINDOW = 32 << 10;

/** zlib's `memLevel`. A different value would change the compressed bytes, and therefore the digests. */
const MEMORY_LEVEL = 9;

/** The minimum size in bytes of a block that is tested for incompressible content. Shorter blocks are not tested. */
const MIN_SAMPLED = 2 * WINDOW;

/**
 * A function that compresses one block of the input. The result consists of deflate blocks, and ends at a byte
 * boundary. No deflate block is marked as the last one. `dictionary` contains the last {@link WINDOW} bytes before the
 * input block.
 */
export type BlockCompressor = (block: Buffer, dictionary: Buffer | undefined) => Promise<Buffer>;

/**
 * Returns the compressor for a level: 1 to 9, or 0 to store all blocks uncompressed. At every level, the compressor
 * stores a block uncompressed if the block seems incompressible or would grow.
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
 * Copies a small result of zlib to a new buffer. The result is only a part of a larger buffer. If a consumer kept this
 * part, the whole larger buffer would stay in memory.
 */
function withOwnMemory(bytes: Buffer): Buffer {
  return bytes.length * 2 < bytes.buffer.byteLength ? Buffer.from(new Uint8Array(bytes).buffer) : bytes;
}
