import { ftruncateSync, writeSync, writev as writevCallback } from "node:fs";
import { promisify } from "node:util";

const writev = promisify(writevCallback);

/** The shortest run of zeros that becomes a hole: one block of most file systems. */
const HOLE = Buffer.alloc(4096);

/**
 * The number of bytes in one write. The chunks from a socket are smaller, but many small writes would be slow. With
 * batches of one mebibyte, the first bytes of a batch would leave the processor's caches before the write. This would
 * also be slow.
 */
const BATCH = 256 << 10;

/**
 * Writes the content of a small file synchronously. The file must be empty. Leaves holes for long runs of zeros, like
 * {@link writeSparse}.
 */
export function writeSmall(file: number, content: Buffer): void {
  let written = 0;
  for (const [start, end] of dataRanges(content)) {
    writeAllSync(file, content.subarray(start, end), start);
    written = end;
  }
  if (written < content.length) ftruncateSync(file, content.length);
}

/**
 * Writes a stream to a new file, and leaves holes for long runs of zeros. Writes one batch of {@link BATCH} bytes while
 * it receives the next batch. All writes have ended when this function returns or throws. Throws the system's error if
 * a write fails.
 */
export async function writeSparse(file: number, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
  const writer = new BatchWriter(file);
  let position = 0;
  try {
    for await (const chunk of content) {
      for (const [start, end] of dataRanges(chunk)) await writer.add(chunk.subarray(start, end), position + start);
      position += chunk.length;
    }
    await writer.finish();
  } finally {
    await writer.written;
  }
  if (writer.end < position) ftruncateSync(file, position);
}

/** Collects adjacent data of a file, and writes the data in batches, one batch at a time. */
class BatchWriter {
  /** Settles when the current write ends. */
  written: Promise<void> = Promise.resolve();
  readonly #file: number;
  #batch: Buffer[] = [];
  #start = 0;
  #size = 0;

  constructor(file: number) {
    this.#file = file;
  }

  /** Adds data at a position of the file. */
  async add(data: Buffer, position: number): Promise<void> {
    if (this.#size > 0 && position !== this.#start + this.#size) await this.flush();
    if (this.#size === 0) this.#start = position;
    this.#batch.push(data);
    this.#size += data.length;
    if (this.#size >= BATCH) await this.flush();
  }

  /** The position after the last added byte. */
  get end(): number {
    return this.#start + this.#size;
  }

  /**
   * Writes the last batch synchronously. The last batch is small: for so few bytes, an asynchronous call would take
   * longer than the write itself.
   */
  async finish(): Promise<void> {
    await this.written;
    let position = this.#start;
    for (const data of this.#batch) {
      writeAllSync(this.#file, data, position);
      position += data.length;
    }
  }

  /** Waits for the previous write, and starts to write the batch. */
  async flush(): Promise<void> {
    await this.written;
    this.written = writeAll(this.#file, this.#batch, this.#start);
    // If this write fails, the error is thrown later, when the promise is awaited. Without this handler, Node would
    // report an unhandled rejection.
    this.written.catch(() => {});
    this.#batch = [];
    this.#start = this.end;
    this.#size = 0;
  }
}

/** Yields the ranges of data in a chunk. Long runs of zeros separate these ranges. */
function* dataRanges(chunk: Buffer): Generator<readonly [start: number, end: number]> {
  for (let start = 0; start < chunk.length; ) {
    const zeros = endOfZeros(chunk, start);
    const end = zeros > start ? zeros : nextHole(chunk, start);
    if (zeros === start) yield [start, end];
    start = end;
  }
}

/** Returns the end of the run of zero blocks that begins at `start`. Returns `start` if there is no such run. */
function endOfZeros(chunk: Buffer, start: number): number {
  let end = start;
  while (end + HOLE.length <= chunk.length && chunk.compare(HOLE, 0, HOLE.length, end, end + HOLE.length) === 0)
    end += HOLE.length;
  return end;
}

/**
 * Returns the position of the next zero block after `start`. Searches in steps of one block. If there is no further
 * zero block, the result is the end of the chunk.
 */
function nextHole(chunk: Buffer, start: number): number {
  let end = start + HOLE.length;
  while (end < chunk.length && endOfZeros(chunk, end) === end) end += HOLE.length;
  return Math.min(end, chunk.length);
}

function writeAllSync(file: number, data: Buffer, position: number): void {
  for (let done = 0; done < data.length; ) done += writeSync(file, data, done, data.length - done, position + done);
}

async function writeAll(file: number, batch: readonly Buffer[], position: number): Promise<void> {
  let left = batch;
  for (let at = position; left.length > 0; ) {
    const { bytesWritten } = await writev(file, left as Buffer[], at);
    at += bytesWritten;
    left = withoutFirst(left, bytesWritten);
  }
}

/** Removes the first `count` bytes from a list of buffers. */
function withoutFirst(buffers: readonly Buffer[], count: number): Buffer[] {
  let left = count;
  return buffers.flatMap((buffer) => {
    const removed = Math.min(left, buffer.length);
    left -= removed;
    return removed === buffer.length ? [] : [buffer.subarray(removed)];
  });
}
