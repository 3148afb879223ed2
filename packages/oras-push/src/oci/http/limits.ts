import { setTimeout as sleep } from "node:timers/promises";

/** The longest pause that one response can cause, in milliseconds. */
const LONGEST_PAUSE = 5000;

/** The statuses of an overloaded registry (RFC 6585, section 4; RFC 9110, section 15.6.4). */
const OVERLOADED: ReadonlySet<number> = new Set([429, 503]);

/** A limit of n requests grows by one after `n * SUCCESSES_TO_GROW` successful requests. */
const SUCCESSES_TO_GROW = 4;

/** The largest result of {@link firstChunk}, in bytes. */
const LARGEST_CHUNK = 4 << 20;

/** The lower limit for the size of an upload's chunks, in bytes. */
const SMALLEST_CHUNK = 64 << 10;

/** Whether a status means that the registry is overloaded. In this case, the registry has not handled the request. */
export function isOverloaded(status: number): boolean {
  return OVERLOADED.has(status);
}

/** Limits how many requests run at the same time. There is no limit before the first 429 or 503. */
export class RequestLimiter {
  readonly #waiting = new Set<() => void>();
  #limit = Number.POSITIVE_INFINITY;
  #active = 0;
  /** The highest number of requests that have run at the same time so far. */
  #peak = 0;
  #successes = 0;
  #resumption = 0;

  /** The number of requests that may run at the same time. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Waits until the caller may start a request. The caller must call {@link leave} when this request has ended. Throws
   * the reason of the abort if `signal` aborts.
   */
  async enter(signal: AbortSignal): Promise<void> {
    // Each round reads the time only once. If a second read found that the pause has just ended, this function would
    // wait for the end of another request, even if no other request runs.
    let pause = this.#pause();
    while (pause > 0 || this.#active >= this.#limit) {
      signal.throwIfAborted();
      if (pause > 0) await sleep(pause, undefined, { signal }).catch(() => {});
      else await this.#end(signal);
      signal.throwIfAborted();
      pause = this.#pause();
    }
    this.#active++;
    this.#peak = Math.max(this.#peak, this.#active);
  }

  /**
   * Call this method when a request has ended. `status` is undefined if there was no response. After a 429 or 503, the
   * limit is halved, and no new request starts for `pause` milliseconds. Successful requests slowly raise the limit
   * again.
   */
  leave(status: number | undefined, pause: number = 0): void {
    if (status !== undefined && isOverloaded(status)) {
      this.#limit = Math.max(1, Math.floor(Math.min(this.#limit, this.#active) / 2));
      this.#successes = 0;
      this.#resumption = Math.max(this.#resumption, performance.now() + Math.min(pause, LONGEST_PAUSE));
    } else if (status !== undefined) this.#grow();
    this.#active--;
    for (const wake of this.#waiting) wake();
  }

  /** Returns the milliseconds until the end of the pause. The result is zero or negative if there is no pause. */
  #pause(): number {
    return this.#resumption - performance.now();
  }

  #grow(): void {
    this.#successes++;
    if (this.#successes < this.#limit * SUCCESSES_TO_GROW) return;
    this.#successes = 0;
    this.#limit = this.#limit < this.#peak ? this.#limit + 1 : Number.POSITIVE_INFINITY;
  }

  /** Waits until another request ends, or `signal` aborts. */
  #end(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

/** The limits that this process has detected for one registry. */
export class RegistryLimits {
  /** The limiter for all requests of this process to the registry. */
  readonly requests: RequestLimiter = new RequestLimiter();
  #chunkSize: number | undefined;

  /** The maximum size of a request body, in bytes. Undefined until the registry rejects a body as too large. */
  get chunkSize(): number | undefined {
    return this.#chunkSize;
  }

  /**
   * Chooses a smaller chunk size after a 413. `refused` is the size of the refused body, or undefined if the size is
   * unknown. `least` is the minimum chunk size that the registry accepts, in bytes. Returns false if no smaller size is
   * possible.
   */
  shrinkChunks(refused: number | undefined, least: number): boolean {
    const known = this.#chunkSize;
    if (refused !== undefined && refused <= Math.max(least, SMALLEST_CHUNK)) return false;
    // Another upload has already reduced the chunk size, but the refused body did not yet use the reduced size.
    if (known !== undefined && (refused === undefined || refused > known)) return true;
    this.#chunkSize = known === undefined ? firstChunk(refused) : Math.max(known / 2, SMALLEST_CHUNK);
    return true;
  }
}

/**
 * Returns the first chunk size after the registry refused a body of `refused` bytes. This size is the largest power of
 * two that is smaller than `refused`, but at most {@link LARGEST_CHUNK}.
 */
function firstChunk(refused: number = Number.POSITIVE_INFINITY): number {
  let size = LARGEST_CHUNK;
  while (size >= refused) size /= 2;
  return size;
}

const KNOWN = new Map<string, RegistryLimits>();

/** Returns the limits of a registry. All connections of this process to this registry share these limits. */
export function limitsOf(registry: string): RegistryLimits {
  const limits = KNOWN.get(registry) ?? new RegistryLimits();
  KNOWN.set(registry, limits);
  return limits;
}
