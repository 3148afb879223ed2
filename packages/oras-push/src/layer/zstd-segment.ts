import { promisify } from "node:util";
import { periodicCollection } from "shared/cli/garbage-collector";
import { type AsyncCompressor, MAX_COMPRESSED, SEGMENT, type SyncCompressor } from "./gzip-block.ts";
import { zlib } from "./zlib.ts";

/**
 * Each time a thread has compressed this number of frames, the thread collects its garbage. V8 does not count the
 * memory of zstd's contexts. Therefore, V8 itself would start the collection too late.
 */
const COLLECTED = 16;

/** A frame without content: one empty raw block (RFC 8878, section 3.1.1). */
const EMPTY_FRAME = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0]);

/**
 * Returns a compressor that works on this thread. It compresses each segment to one zstd frame (RFC 8878, section 3.1),
 * and needs no dictionary. A zstd layer consists of these frames. `level` is a level of zstd.
 */
export async function syncZstd(level: number): Promise<SyncCompressor> {
  const { constants, zstdCompressSync } = await zlib();
  const options = optionsOf(level, constants.ZSTD_c_compressionLevel);
  const collect = periodicCollection(COLLECTED);
  return (segment, _, target) => {
    collect();
    const frame = checked(zstdCompressSync(segment, { ...options, pledgedSrcSize: segment.length }));
    const length = frame.copy(target);
    free(frame);
    return length;
  };
}

/** Does the same as {@link syncZstd}, but the returned compressor works on libuv's threads. */
export async function asyncZstd(level: number): Promise<AsyncCompressor> {
  const { constants, zstdCompress } = await zlib();
  const compress = promisify(zstdCompress);
  // Without this flag, Node would end the frame with an empty block, and the bytes would differ from those of
  // `syncZstd`.
  const options = { ...optionsOf(level, constants.ZSTD_c_compressionLevel), flush: constants.ZSTD_e_end };
  const collect = periodicCollection(COLLECTED);
  return async (segment) => {
    collect();
    const frames: Buffer = await compress(segment, { ...options, pledgedSrcSize: segment.length });
    const frame = checked(withoutEmptyFrame(frames));
    const copy = Buffer.allocUnsafeSlow(frame.length);
    frame.copy(copy);
    free(frames);
    return [copy];
  };
}

/**
 * Frees the memory of a frame at once, because the garbage collection would free it too late. Does not free a short
 * frame, because the memory of a short frame belongs to Node's pool.
 */
function free({ buffer }: Buffer): void {
  if (buffer.byteLength > SEGMENT) (buffer as ArrayBuffer).transfer(0);
}

function optionsOf(level: number, levelParameter: number) {
  return { params: { [levelParameter]: level }, chunkSize: SEGMENT + (64 << 10) };
}

/**
 * Returns `frames` without the empty frame at the end. The flag `ZSTD_e_end` ends the first frame before the stream
 * ends. Therefore, at the end of the stream, Node writes a second frame without content.
 */
function withoutEmptyFrame(frames: Buffer): Buffer {
  const end = frames.length - EMPTY_FRAME.length;
  if (!frames.subarray(end).equals(EMPTY_FRAME)) throw new Error("zstd returned no empty frame at the end");
  return frames.subarray(0, end);
}

/**
 * Throws if a frame is longer than {@link MAX_COMPRESSED}. This check never fails if zstd works correctly. zstd stores
 * incompressible blocks uncompressed, so that a frame is at most a few bytes longer than its segment.
 */
function checked(frame: Buffer): Buffer {
  if (frame.length > MAX_COMPRESSED) throw new Error(`zstd returned a frame of ${frame.length} bytes`);
  return frame;
}
