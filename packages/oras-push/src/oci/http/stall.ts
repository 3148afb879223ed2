/** A transfer is stalled if it moves fewer bytes than this number within the time limit. */
export const MIN_PROGRESS: number = 16 << 10;

/** The initial size of the pieces of a request body, in bytes. */
const FIRST_PIECE = 64 << 10;

/** If the registry accepts a piece within this many milliseconds, the next piece can be twice as large. */
const FAST = 100;

/** If the registry needs more than this many milliseconds for a piece, the next piece is half as large. */
const SLOW = 1000;

/** The network error codes for a missing response and for a stalled body. */
type StallCode = "UND_ERR_HEADERS_TIMEOUT" | "UND_ERR_BODY_TIMEOUT";

/** The error for a registry that transfers too few bytes or does not respond. */
export class StalledError extends Error {
  override readonly name = "StalledError";
  readonly code: StallCode;
  /** How long the registry was silent before this error, in milliseconds. */
  readonly silence: number;

  constructor(code: StallCode, silence: number) {
    super(code === "UND_ERR_HEADERS_TIMEOUT" ? "no response" : "the transfer stalled");
    this.code = code;
    this.silence = silence;
  }
}

/**
 * Measures how long this process waits for a registry. Does not count the time in which this process reads or writes
 * files.
 */
export class StallWatch {
  readonly #stalled: (error: StalledError) => void;
  readonly #timer: NodeJS.Timeout;
  #limit: number;
  #code: StallCode;
  #waitingSince: number | undefined;
  #waited = 0;
  #bytes = 0;

  /**
   * Calls `stalled` one time, when the waits for the registry reach a total of `limit` milliseconds. When the registry
   * has sent or accepted {@link MIN_PROGRESS} bytes, the total starts again at 0.
   */
  constructor(limit: number, code: StallCode, stalled: (error: StalledError) => void) {
    this.#limit = limit;
    this.#code = code;
    this.#stalled = stalled;
    this.#timer = setInterval(() => this.#check(), Math.min(Math.max(limit / 10, 5), 500)).unref();
  }

  /** How long the registry has been silent, in milliseconds. */
  get silence(): number {
    return this.#waited + (this.#waitingSince === undefined ? 0 : performance.now() - this.#waitingSince);
  }

  /** Call this method when this process starts to wait for the registry. */
  wait(): void {
    this.#waitingSince ??= performance.now();
  }

  /** Call this method when the registry has sent or accepted `bytes` bytes. Ends the wait that {@link wait} started. */
  moved(bytes: number): void {
    this.#waited = this.silence;
    this.#waitingSince = undefined;
    this.#bytes += bytes;
    if (this.#bytes < MIN_PROGRESS) return;
    this.#waited = 0;
    this.#bytes = 0;
  }

  /** Starts the wait for a response. `limit` is the time limit for this wait, in milliseconds. */
  waitForResponse(limit: number): void {
    this.moved(MIN_PROGRESS);
    this.#limit = limit;
    this.#code = "UND_ERR_HEADERS_TIMEOUT";
    this.wait();
  }

  /**
   * Call this method before the first piece of a request body. Resets the measured time, but does not start to measure.
   */
  startBody(): void {
    this.moved(MIN_PROGRESS);
    this.#code = "UND_ERR_BODY_TIMEOUT";
  }

  /** Ends the measurement. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const { silence } = this;
    if (silence < this.#limit) return;
    this.stop();
    this.#stalled(new StalledError(this.#code, silence));
  }
}

/**
 * Yields a request body in pieces. The pieces are small while the registry is slow. Calls `sent` with the total number
 * of bytes when the registry has accepted all bytes.
 */
export async function* watchedBody(
  body: AsyncIterable<Buffer>,
  watch: StallWatch,
  sent: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  let size = FIRST_PIECE;
  let total = 0;
  watch.startBody();
  for await (const chunk of body)
    for (let start = 0; start < chunk.length; ) {
      const piece = chunk.length - start <= size ? chunk.subarray(start) : chunk.subarray(start, start + size);
      const began = performance.now();
      watch.wait();
      yield piece;
      watch.moved(piece.length);
      start += piece.length;
      total += piece.length;
      size = nextSize(size, performance.now() - began);
    }
  sent(total);
}

function nextSize(size: number, time: number): number {
  if (time > SLOW) return Math.max(MIN_PROGRESS, size / 2);
  return time < FAST ? Math.min(size * 2, 2 ** 30) : size;
}

/**
 * Yields the chunks of a response body. Adds up the times of the waits for chunks, and calls `stalled` when the sum
 * reaches `limit` milliseconds. Each time {@link MIN_PROGRESS} more bytes have arrived, the sum starts again at 0.
 */
export async function* watchedResponse(
  body: AsyncIterable<Buffer>,
  limit: number,
  stalled: (error: StalledError) => void,
): AsyncGenerator<Buffer> {
  const watch = new StallWatch(limit, "UND_ERR_BODY_TIMEOUT", stalled);
  try {
    watch.wait();
    for await (const chunk of body) {
      watch.moved(chunk.length);
      yield chunk;
      watch.wait();
    }
  } finally {
    watch.stop();
  }
}
