import { ftruncateSync, writeSync, writev as writevCallback } from "node:fs";
import { promisify } from "node:util";

const writev = promisify(writevCallback);

/** Zeros in a row that become a hole, in bytes: a block of most file systems. */
const HOLE = Buffer.alloc(4096);

/** Writes all of a small file, which is empty, at once, with holes like {@link writeSparse}. */
export function writeSmall(file: number, content: Buffer): void {
  let done = 0;
  for (const [start, end] of dataRanges(content))
    for (done = start; done < end; ) done += writeSync(file, content, done, end - done, done);
  if (done < content.length) ftruncateSync(file, content.length);
}

/**
 * Bytes that are written at a time: to the threads that write and back is a long way for what a socket gives at once. Of a
 * mebibyte, the first would have left the processor's caches before they are written.
 */
const BATCH = 256 << 10;

/**
 * Writes a stream to a new file and leaves holes for long runs of zeros. What has come is written while more comes, up to
 * {@link BATCH} of each; nothing is being written any more when this ends or throws.
 */
export async function writeSparse(file: number, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
  let batch: Buffer[] = [];
  let size = 0;
  let start = 0;
  let running = Promise.resolve();
  const flush = async () => {
    await running;
    running = writeAll(file, batch, start);
    // A failure is thrown where it is waited for.
    running.catch(() => {});
    batch = [];
    size = 0;
  };
  let position = 0;
  try {
    for await (const chunk of content) {
      for (const [from, to] of dataRanges(chunk)) {
        if (position + from !== start + size && size > 0) await flush();
        if (size === 0) start = position + from;
        batch.push(chunk.subarray(from, to));
        size += to - from;
        if (size >= BATCH) await flush();
      }
      position += chunk.length;
    }
    await flush();
  } finally {
    await running;
  }
  ftruncateSync(file, position);
}

/** The parts of a chunk between its long runs of zeros: where each begins and ends. */
function* dataRanges(chunk: Buffer): Generator<readonly [start: number, end: number]> {
  for (let start = 0; start < chunk.length; ) {
    const zeros = zerosFrom(chunk, start);
    const end = zeros > start ? zeros : nextHole(chunk, start);
    if (zeros === start) yield [start, end];
    start = end;
  }
}

/** Where the run of whole zero blocks that begins at `start` ends; `start` where none begins. */
function zerosFrom(chunk: Buffer, start: number): number {
  let end = start;
  while (end + HOLE.length <= chunk.length && chunk.compare(HOLE, 0, HOLE.length, end, end + HOLE.length) === 0)
    end += HOLE.length;
  return end;
}

/** Where the next zero block begins, looked for a block at a time. */
function nextHole(chunk: Buffer, start: number): number {
  let end = start + HOLE.length;
  while (end < chunk.length && zerosFrom(chunk, end) === end) end += HOLE.length;
  return Math.min(end, chunk.length);
}

async function writeAll(file: number, batch: readonly Buffer[], position: number): Promise<void> {
  let left = batch;
  for (let at = position; left.length > 0; ) {
    const { bytesWritten } = await writev(file, left as Buffer[], at);
    at += bytesWritten;
    left = withoutFirst(left, bytesWritten);
  }
}

function withoutFirst(batch: readonly Buffer[], count: number): Buffer[] {
  let left = count;
  return batch.flatMap((data) => {
    const gone = Math.min(left, data.length);
    left -= gone;
    return gone === data.length ? [] : [data.subarray(gone)];
  });
}
