import { Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gzip } from "./gzip.ts";
import type { PeekedStream } from "./peek.ts";
import { zlib } from "./zlib.ts";

/**
 * The default level of gzip. With the compressor's memory level, the result is at most 2 % larger than with the default
 * level of the gzip command. The compression takes two thirds of the time.
 */
export const DEFAULT_LEVEL = 5;

/** The level of `--compression none`: stores the bytes uncompressed in the gzip format, which every client reads. */
export const STORED = 0;

/** The size of a decompressed chunk, in bytes. */
const CHUNK = 256 << 10;

/** Compresses the archive of a folder, for a layer of the media type `FOLDER_LAYER`. `level` is 1 to 9 or {@link STORED}. */
export function compressed(archive: AsyncIterable<Buffer>, level: number): AsyncIterable<Buffer> {
  return gzip(archive, level);
}

/**
 * Decompresses a layer. Its first bytes identify the format: gzip with any number of members, zstd, or a plain tar.
 * Throws an error with a code of zlib if the stream is broken, and the error of `bytes` if that stream fails.
 */
export async function* decompressed({ head, bytes }: PeekedStream, mediaType: string): AsyncGenerator<Buffer> {
  const decompressor = await decompressorFor(head, mediaType);
  if (decompressor === undefined) return yield* bytes;
  const feeding = pipeline(Readable.from(bytes, { objectMode: false }), decompressor).catch((error: unknown) => error);
  try {
    yield* decompressor as AsyncIterable<Buffer>;
  } catch (error) {
    // An error of the blob is more precise than the error that it causes in the decompressor.
    throw (await feeding) ?? error;
  }
}

async function decompressorFor(head: Buffer, mediaType: string): Promise<Transform | undefined> {
  const { createGunzip, createZstdDecompress } = await zlib();
  if (head[0] === 0x1f && head[1] === 0x8b) return createGunzip({ chunkSize: CHUNK });
  if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528) return createZstdDecompress({ chunkSize: CHUNK });
  return mediaType.endsWith("gzip") ? createGunzip({ chunkSize: CHUNK }) : undefined;
}
