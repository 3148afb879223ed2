import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import type { ZlibOptions } from "node:zlib";
import { DEFAULT_LEVEL, STORED } from "./compression-level.ts";
import { storedBlocks } from "./deflate-stored.ts";
import { looksRandom, repeatsItself } from "./randomness.ts";
import { zlib } from "./zlib.ts";

/** Bytes that are compressed at a time; part of the format that we write: another size gives other digests. */
const BLOCK = 256 << 10;

/** zlib's `memLevel`; part of the format too. */
const MEMORY = 9;

/** How far back deflate can look (RFC 1951, section 2). */
const WINDOW = 32 << 10;

/** Shorter blocks are compressed without a look at what they are, in bytes. */
const SHORTEST_LOOK = 2 * WINDOW;

/** RFC 1952, section 2.3: no name, no time, Unix. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);

/** An empty last block of fixed codes (RFC 1951, section 3.2.6). */
const LAST_BLOCK = Buffer.from([3, 0]);

/**
 * Compresses to one gzip member (RFC 1952), on every core: blocks are compressed on their own, each with the end of the
 * one before as its dictionary, and put together in order. The bytes depend on the input and the level alone, not on the
 * number of cores. `level` is 1 to 9, or {@link STORED}.
 */
export async function* gzip(source: AsyncIterable<Buffer>, level: number = DEFAULT_LEVEL): AsyncGenerator<Buffer> {
  const { constants, crc32, deflateRaw } = await zlib();
  const deflate: Deflate = promisify(deflateRaw);
  const running: Promise<Buffer>[] = [];
  let checksum = 0;
  let size = 0;
  let dictionary: Buffer | undefined;
  yield HEADER;
  try {
    for await (const block of blocks(source)) {
      checksum = crc32(block, checksum);
      size += block.length;
      const history = dictionary === undefined ? {} : { dictionary };
      const options = { level, memLevel: MEMORY, chunkSize: BLOCK, finishFlush: constants.Z_SYNC_FLUSH, ...history };
      const compressed = compress(block, options, deflate);
      // What fails is thrown where its turn comes; until then it must not count as unhandled.
      compressed.catch(() => {});
      running.push(compressed);
      dictionary = block.subarray(-WINDOW);
      if (running.length > availableParallelism() + 1) yield (await running.shift()) as Buffer;
    }
    while (running.length > 0) yield (await running.shift()) as Buffer;
  } finally {
    await Promise.allSettled(running);
  }
  yield Buffer.concat([LAST_BLOCK, trailer(checksum, size)]);
}

type Deflate = (bytes: Buffer, options: ZlibOptions) => Promise<Buffer>;

async function compress(block: Buffer, options: ZlibOptions, deflate: Deflate): Promise<Buffer> {
  if (options.level === STORED || isIncompressible(block)) return storedBlocks(block);
  const compressed = await deflate(block, options);
  if (compressed.length > block.length) return storedBlocks(block);
  // zlib gives a part of a larger buffer, of the pool perhaps; who keeps what compressed well would keep all of that.
  return compressed.length * 2 < compressed.buffer.byteLength
    ? Buffer.from(new Uint8Array(compressed).buffer)
    : compressed;
}

/** Whether nothing would be saved by compressing a block. */
function isIncompressible(block: Buffer): boolean {
  return block.length >= SHORTEST_LOOK && looksRandom(block) && !repeatsItself(block, WINDOW);
}

/** The same bytes in pieces of {@link BLOCK}, the last one shorter. */
async function* blocks(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
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

function trailer(checksum: number, size: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(checksum, 0);
  bytes.writeUInt32LE(size % 2 ** 32, 4);
  return bytes;
}
