import { setTimeout as sleep } from "node:timers/promises";

/** How the pauses between tries grow. */
export interface Pauses {
  /** The first pause, in milliseconds; each further one is twice as long. */
  readonly firstPause: number;
  /** The longest pause, in milliseconds. */
  readonly longestPause: number;
}

/** How long failures are met with another try. */
export interface RetryPolicy extends Pauses {
  /** Seconds from the first failure of a request to the last try. */
  readonly deadlineSeconds: number;
}

/** How many tries that went on for longer than the deadline and then failed are met with another one. */
const MAX_LONG_TRIES = 5;

/** What an upload or a download meets by default: half a minute of failures. */
export const DEFAULT_RETRY: RetryPolicy = { deadlineSeconds: 30, firstPause: 250, longestPause: 5000 };

/** How a failed try is to be met. */
export type Verdict =
  | { readonly retry: false }
  /** Again after a pause; `pause` in milliseconds where the other side asked for one. */
  | { readonly retry: true; readonly pause?: number | undefined };

/** Says how a failed try is to be met. */
export type Judge = (error: unknown) => Verdict;

/** What {@link retrying} is told of a failure that is met with another try. */
export type RetryListener = (error: unknown, pause: number) => void;

/**
 * Does `attempt` until it succeeds, its failure is not to be met with another try, or the deadline has passed; then its
 * failure is thrown. A pause that the other side asked for is kept to.
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  judge: Judge,
  policy: RetryPolicy,
  signal: AbortSignal,
  listener: RetryListener = () => {},
): Promise<T> {
  let firstFailure: number | undefined;
  let longTries = 0;
  for (let tries = 0; ; tries++) {
    signal.throwIfAborted();
    const started = performance.now();
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      const verdict = judge(error);
      if (!verdict.retry) throw error;
      // Being asked for no pause at all is no leave to ask without end.
      const pause = verdict.pause || backOff(tries, policy);
      const long = performance.now() - started > policy.deadlineSeconds * 1000 && longTries++ < MAX_LONG_TRIES;
      // A try that went on for so long failed late, not all the time: what failed before it counts no more.
      if (long || firstFailure === undefined) firstFailure = performance.now();
      if (performance.now() + pause - firstFailure > policy.deadlineSeconds * 1000) throw error;
      listener(error, pause);
      await sleep(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/** The pause before the next try, in milliseconds: doubled each time, at random by a fifth. */
export function backOff(tries: number, policy: Pauses, random: () => number = Math.random): number {
  const pause = Math.min(policy.firstPause * 2 ** tries, policy.longestPause);
  return Math.round(pause * (0.8 + 0.4 * random()));
}

/** A `Retry-After` header (RFC 9110, section 10.2.3) in milliseconds; undefined where there is none to be understood. */
export function parseRetryAfter(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
