import { availableParallelism } from "node:os";
import { BLOCK, type BlockCompressor, blockCompressor, WINDOW } from "./gzip-block.ts";
import { zlib } from "./zlib.ts";

/** The header of a gzip member: no name, no time, and Unix as the operating system (RFC 1952, section 2.3). */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);

/** An empty deflate block with fixed codes, marked as the last block (RFC 1951, section 3.2.6). */
const LAST_BLOCK = Buffer.from([3, 0]);

/**
 * Compresses a stream to one gzip member (RFC 1952), on all cores. Compresses several blocks at the same time, and
 * writes the results in order. The end of each block is the dictionary for the next block. The result depends only on
 * the input and the level, not on the number of cores. `level` is 1 to 9, or 0 to store the bytes uncompressed.
 */
export async function* gzip(source: AsyncIterable<Buffer>, level: number): AsyncGenerator<Buffer> {
  const { crc32 } = await zlib();
  const compress = await blockCompressor(level);
  let checksum = 0;
  let size = 0;
  const count = (block: Buffer) => {
    checksum = crc32(block, checksum);
    size += block.length;
  };
  yield HEADER;
  yield* compressedInOrder(watched(blocksOf(source), count), compress);
  yield Buffer.concat([LAST_BLOCK, trailer(checksum, size)]);
}

/**
 * Compresses several blocks at the same time. The number of active blocks is slightly higher than the number of cores.
 * Yields the results in the order of the blocks.
 */
async function* compressedInOrder(blocks: AsyncIterable<Buffer>, compress: BlockCompressor): AsyncGenerator<Buffer> {
  const running: Promise<Buffer>[] = [];
  let dictionary: Buffer | undefined;
  try {
    for await (const block of blocks) {
      const compressed = compress(block, dictionary);
      // The error is thrown later, when the promise is awaited. Without this handler, Node would report an unhandled
      // rejection.
      compressed.catch(() => {});
      running.push(compressed);
      dictionary = block.subarray(-WINDOW);
      if (running.length > availableParallelism() + 1) yield (await running.shift()) as Buffer;
    }
    while (running.length > 0) yield (await running.shift()) as Buffer;
  } finally {
    await Promise.allSettled(running);
  }
}

async function* watched(blocks: AsyncIterable<Buffer>, watch: (block: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const block of blocks) {
    watch(block);
    yield block;
  }
}

/** Splits a stream into blocks of {@link BLOCK} bytes. The last block may be shorter. */
async function* blocksOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pending: Buffer[] = [];
  let size = 0;
  for await (let chunk of source) {
    while (size + chunk.length >= BLOCK) {
      const rest = BLOCK - size;
      const head = chunk.subarray(0, rest);
      yield pending.length === 0 ? head : Buffer.concat([...pending, head], BLOCK);
      chunk = chunk.subarray(rest);
      pending = [];
      size = 0;
    }
    if (chunk.length > 0) pending.push(chunk);
    size += chunk.length;
  }
  if (size > 0) yield Buffer.concat(pending, size);
}

/** Returns the end of a gzip member. It consists of the checksum and the size modulo 2^32. */
function trailer(checksum: number, size: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(checksum, 0);
  bytes.writeUInt32LE(size % 2 ** 32, 4);
  return bytes;
}
