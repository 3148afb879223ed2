import { Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { PeekedStream } from "./peek.ts";
import { zlib } from "./zlib.ts";

/**
 * The default gzip level. At this level, compression takes two thirds of the time that the gzip command takes at its
 * default level. The compressed data is at most 2 % larger than the output of the gzip command. Both measurements apply
 * only to the `memLevel` in `gzip-block.ts`.
 */
export const DEFAULT_LEVEL = 5;

/**
 * The level for `--compression none`. At this level, the bytes are stored uncompressed, but in the gzip format. Every
 * client can read this format.
 */
export const STORED = 0;

/** The default zstd level. The zstd command has the same default. */
export const DEFAULT_ZSTD_LEVEL = 3;

/** The format of compressed folders: one gzip member (RFC 1952), or zstd frames (RFC 8878). */
export type Format = "gzip" | "zstd";

/** The size of a decompressed chunk, in bytes. */
const CHUNK = 256 << 10;

/**
 * Decompresses a layer. The layer's first bytes identify gzip (with any number of members) and zstd. If the first bytes
 * identify neither format, the media type decides: a layer is gzip if its media type ends with `gzip`, and a plain tar
 * archive otherwise. Throws an error with a zlib code if the compressed data is broken. Throws the errors of `bytes`
 * unchanged.
 */
export async function* decompressed({ head, bytes }: PeekedStream, mediaType: string): AsyncGenerator<Buffer> {
  const decompressor = await decompressorFor(head, mediaType);
  if (decompressor === undefined) return yield* bytes;
  const feeding = pipeline(Readable.from(bytes, { objectMode: false }), decompressor).catch((error: unknown) => error);
  try {
    yield* decompressor as AsyncIterable<Buffer>;
  } catch (error) {
    // If a read of the blob fails, the decompressor fails too, but with a less precise error. In this case, this line
    // throws the error of the read.
    throw (await feeding) ?? error;
  }
}

async function decompressorFor(head: Buffer, mediaType: string): Promise<Transform | undefined> {
  const { createGunzip, createZstdDecompress } = await zlib();
  if (head[0] === 0x1f && head[1] === 0x8b) return createGunzip({ chunkSize: CHUNK });
  if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528) return createZstdDecompress({ chunkSize: CHUNK });
  return mediaType.endsWith("gzip") ? createGunzip({ chunkSize: CHUNK }) : undefined;
}
