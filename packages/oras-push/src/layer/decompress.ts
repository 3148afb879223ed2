import { Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { readArchive } from "../tar/read.ts";
import { toBytePath } from "shared/fs/byte-path";
import { zlib } from "./zlib.ts";

/** The number of bytes that identify the format of a blob. */
const HEAD = 4 << 10;

/** The size of a decompressed chunk, in bytes. */
const PIECE = 256 << 10;

/** A stream whose first bytes are known. */
export interface PeekedStream {
  /** The first bytes: at least {@link HEAD}, or the whole stream if it is shorter. */
  readonly head: Buffer;
  /** The whole stream, including the first bytes. */
  readonly bytes: AsyncIterable<Buffer>;
}

/** Reads the first bytes of a stream. */
export async function peek(source: AsyncIterable<Buffer>): Promise<PeekedStream> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  for (let size = 0; size < HEAD; ) {
    const next = await iterator.next();
    if (next.done === true) break;
    chunks.push(next.value);
    size += next.value.length;
  }
  const head = Buffer.concat(chunks);
  const rest = { [Symbol.asyncIterator]: () => iterator };
  const bytes = (async function* () {
    yield head;
    yield* rest;
  })();
  return { head, bytes };
}

/** Decompresses a layer. Its first bytes identify the format: gzip with any number of members, zstd, or a plain tar. */
export async function* decompressed({ head, bytes }: PeekedStream, mediaType: string): AsyncGenerator<Buffer> {
  const decompressor = await decompressorFor(head, mediaType);
  if (decompressor === undefined) return yield* bytes;
  const feeding = pipeline(Readable.from(bytes, { objectMode: false }), decompressor).catch((error: unknown) => error);
  try {
    yield* decompressor as AsyncIterable<Buffer>;
  } catch (error) {
    // An error of the blob says more than the error that it causes in the decompressor.
    throw (await feeding) ?? error;
  }
}

/**
 * Whether a blob is a gzipped archive whose first entry is a folder with the name `title`. oras-py packs folders like this,
 * without the annotation that says so.
 */
export async function isFolderArchive({ head }: PeekedStream, title: string): Promise<boolean> {
  const { constants, createGunzip } = await zlib();
  const decompressor = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: HEAD });
  const archive = readArchive(Readable.from([head]).pipe(decompressor) as AsyncIterable<Buffer>);
  try {
    const first = await archive.next();
    return first.done !== true && first.value.type === "directory" && plainName(first.value.name) === toBytePath(title);
  } catch {
    return false;
  } finally {
    await archive.return(undefined);
  }
}

function plainName(name: string): string {
  return name.replace(/^(\.\/+)+/, "").replace(/\/+$/, "");
}

async function decompressorFor(head: Buffer, mediaType: string): Promise<Transform | undefined> {
  const { createGunzip, createZstdDecompress } = await zlib();
  if (head[0] === 0x1f && head[1] === 0x8b) return createGunzip({ chunkSize: PIECE });
  if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528) return createZstdDecompress({ chunkSize: PIECE });
  return mediaType.endsWith("gzip") ? createGunzip({ chunkSize: PIECE }) : undefined;
}
