import { Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { readArchive } from "../tar/read.ts";
import { byteString } from "../tar/walk.ts";
import { zlib } from "./zlib.ts";

/** Bytes of a blob that tell what it is. */
const HEAD = 4 << 10;

/** What comes out of a decompressor at a time, in bytes. */
const PIECE = 256 << 10;

/** A stream with its beginning at hand. */
export interface Begun {
  /** The first bytes: {@link HEAD} or more, or all where there are fewer. */
  readonly head: Buffer;
  /** All bytes, the first ones again. */
  readonly bytes: AsyncIterable<Buffer>;
}

/** Begins to read a stream. */
export async function begin(source: AsyncIterable<Buffer>): Promise<Begun> {
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

/** The tar inside a layer, which its first bytes tell: gzip of any number of members, zstd, or the tar itself. */
export async function* decompressed({ head, bytes }: Begun, mediaType: string): AsyncGenerator<Buffer> {
  const decompressor = await decompressorFor(head, mediaType);
  if (decompressor === undefined) return yield* bytes;
  const feeding = pipeline(Readable.from(bytes, { objectMode: false }), decompressor).catch((error: unknown) => error);
  try {
    yield* decompressor as AsyncIterable<Buffer>;
  } catch (error) {
    // What is wrong with the blob says more than what the decompressor makes of it.
    throw (await feeding) ?? error;
  }
}

/**
 * Whether a blob is, by its beginning, the gzipped archive of a folder that has the title for its name: what oras-py writes
 * without saying that it is to be unpacked.
 */
export async function holdsFolder({ head }: Begun, title: string): Promise<boolean> {
  const { constants, createGunzip } = await zlib();
  const decompressor = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: HEAD });
  const archive = readArchive(Readable.from([head]).pipe(decompressor) as AsyncIterable<Buffer>);
  try {
    const first = await archive.next();
    return first.done !== true && first.value.type === "directory" && plainName(first.value.name) === byteString(title);
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
