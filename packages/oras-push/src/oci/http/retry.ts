import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "shared/cli/tool-error";
import { systemCode } from "shared/fs/system-error";
import { RegistryError } from "../registry-error.ts";
import { isOverloaded } from "./limits.ts";
import { isNetworkCode } from "./network-failure.ts";
import { MIN_PROGRESS, StalledError } from "./stall.ts";

/** How the delays between attempts grow. */
export interface Backoff {
  /** The upper limit of the first delay, in milliseconds. For each further delay, this limit doubles. */
  readonly firstDelay: number;
  /** The longest delay, in milliseconds. */
  readonly longestDelay: number;
}

/** How long to retry. */
export interface RetryPolicy extends Backoff {
  /**
   * The maximum time from the first failure of a request to the start of the last attempt, in seconds. If a request
   * fails because the registry is silent, the start of the silence counts as the time of the failure.
   */
  readonly deadlineSeconds: number;
}

/** The default policy of uploads and downloads. */
export const DEFAULT_RETRY: RetryPolicy = { deadlineSeconds: 30, firstDelay: 250, longestDelay: 5000 };

/**
 * If an attempt runs for more than `deadlineSeconds` before it fails, the full time for retries is available again.
 * This rule applies to at most this many attempts.
 */
const MAX_LONG_ATTEMPTS = 5;

/** Whether to retry after a failed attempt. */
export type RetryDecision =
  | { readonly retry: false }
  /** `delay` is the delay that the server requested, in milliseconds. */
  | { readonly retry: true; readonly delay?: number | undefined };

/** Decides whether to retry after a failed attempt. */
export type RetryPredicate = (error: unknown) => RetryDecision;

/** A function that is called before the delay of each retry. `delay` is in milliseconds. */
export type RetryListener = (error: unknown, delay: number) => void;

/** Maps each error to the time when the registry started to fail. The time is a value of `performance.now()`. */
const FAILING_SINCE = new WeakMap<object, number>();

/**
 * Stores a time for an error: the time when the registry started to fail or became silent. `time` is a value of
 * `performance.now()`. Returns the error.
 */
export function failingSince<E>(error: E, time: number): E {
  if (typeof error === "object" && error !== null) FAILING_SINCE.set(error, time);
  return error;
}

/**
 * Calls `attempt` until it succeeds. Throws the last error if `predicate` decides against a retry, or if the next
 * attempt would start after the deadline. If the server requested a delay, the wait before the retry is at least as
 * long as this delay. Calls can be nested: `attempt` itself can call this function. If the inner call fails at its
 * deadline, the outer call assumes that `attempt` failed at the time of the inner call's first failure.
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  predicate: RetryPredicate,
  policy: RetryPolicy,
  signal: AbortSignal,
  listener: RetryListener = () => {},
): Promise<T> {
  const deadline = policy.deadlineSeconds * 1000;
  let firstFailure: number | undefined;
  let longAttempts = 0;
  for (let attempts = 0; ; attempts++) {
    signal.throwIfAborted();
    const started = performance.now();
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      const decision = predicate(error);
      if (!decision.retry) throw error;
      const failed = FAILING_SINCE.get(error as object) ?? performance.now();
      const long = failed - started > deadline && longAttempts++ < MAX_LONG_ATTEMPTS;
      // In a long attempt, the registry worked until `failed`. So the time for retries starts again at `failed`.
      if (long || firstFailure === undefined) firstFailure = failed;
      const delay = (decision.delay ?? 0) + backOff(attempts, policy);
      if (performance.now() + delay - firstFailure > deadline) throw failingSince(error, firstFailure);
      listener(error, delay);
      await sleep(delay, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/**
 * Returns a random delay before the next attempt, in milliseconds. The maximum of the delay doubles with each attempt.
 * The minimum is 1 ms, so that there is always a pause before a retry.
 */
export function backOff(attempts: number, policy: Backoff, random: () => number = Math.random): number {
  const longest = Math.min(policy.firstDelay * 2 ** attempts, policy.longestDelay);
  return Math.max(1, Math.round(longest * random()));
}

/** If half of `deadlineSeconds` is shorter than this time in milliseconds, {@link silenceLimit} uses this time. */
const SHORTEST_SILENCE = 5000;

/**
 * The maximum time that a registry may be silent, in milliseconds. Normally, this time is half of `deadlineSeconds`, so
 * that one retry is possible. If half of `deadlineSeconds` is less than 5 seconds, the time is 5 seconds. The time is
 * never longer than `stallSeconds`.
 */
export function silenceLimit(policy: RetryPolicy, stallSeconds: number): number {
  return Math.ceil(Math.min(stallSeconds * 1000, Math.max(policy.deadlineSeconds * 500, SHORTEST_SILENCE)));
}

/**
 * Parses a `Retry-After` header (RFC 9110, section 10.2.3). Returns the delay in milliseconds, or undefined if the
 * header is missing or invalid.
 */
export function parseRetryAfter(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

const TRANSIENT_STATUSES = new Set([408, 429, 500, 502, 503, 504]);

/**
 * The error code for an upload that the registry has lost (distribution-spec, "Error Codes"). A retry opens a new
 * upload.
 */
const LOST_UPLOAD = "BLOB_UPLOAD_UNKNOWN";

/**
 * A predicate that allows a retry only after a transient failure. A failure is transient if the connection failed or
 * broke. A failure is also transient if the registry is overloaded, is not ready, or has lost an upload.
 */
export const isTransient: RetryPredicate = (error) => {
  if (error instanceof RegistryError) {
    const retry = TRANSIENT_STATUSES.has(error.status) || error.registryCode === LOST_UPLOAD;
    return retry ? { retry, delay: error.retryAfter } : { retry };
  }
  if (!(error instanceof ToolError) || error.code !== "unavailable") return { retry: false };
  return { retry: isNetworkCode(systemCode(error.cause) ?? "") };
};

/** A predicate that allows a retry only if the registry refused the request because of overload. */
export const isRefusedForNow: RetryPredicate = (error) =>
  error instanceof RegistryError && isOverloaded(error.status)
    ? { retry: true, delay: error.retryAfter }
    : { retry: false };

/** The error codes of a registry that cannot find or read a blob of a manifest (distribution-spec, "Error Codes"). */
const MISSING_BLOB = new Set(["MANIFEST_BLOB_UNKNOWN", "DIGEST_INVALID"]);

/** Whether a registry rejected a manifest because the registry cannot find or read a blob of the manifest. */
export function isMissingBlob(error: unknown): boolean {
  return error instanceof RegistryError && MISSING_BLOB.has(error.registryCode ?? "");
}

/** The maximum number of retries for the push of a manifest if the registry does not find a blob of this manifest. */
const MAX_MISSING_BLOB_RETRIES = 4;

/**
 * Creates a predicate for the push of a manifest. Some registries confirm that they have stored a blob, but cannot find
 * the blob for a short time after that. There are two known reasons. In replicated storage, a new blob can become
 * visible late. In version 2 of distribution, the metadata of a blob is empty while another push to the repository
 * overwrites this metadata. The predicate allows only {@link MAX_MISSING_BLOB_RETRIES} retries for a missing blob. If
 * somebody has deleted the blob, more retries would not help.
 */
export function manifestRetry(): RetryPredicate {
  let missing = 0;
  return (error) => (isMissingBlob(error) ? { retry: missing++ < MAX_MISSING_BLOB_RETRIES } : isTransient(error));
}

/** If no new byte arrives, this process resumes a download at most this many times. Each new byte resets the count. */
const MAX_STALLED_DOWNLOADS = 5;

/**
 * Creates a predicate that decides whether to resume one download after an error. The arguments of the predicate are
 * the number of received bytes and the error. The predicate returns false if the download made too little progress
 * within the deadline.
 */
export function downloadRetry({ deadlineSeconds }: RetryPolicy): (received: number, error: unknown) => boolean {
  let failures = 0;
  let before = 0;
  let progress = { bytes: 0, failure: Number.POSITIVE_INFINITY };
  return (received, error) => {
    failures = received > before ? 1 : failures + 1;
    before = received;
    const failure = performance.now() - (error instanceof StalledError ? error.silence : 0);
    if (received - progress.bytes >= MIN_PROGRESS) progress = { bytes: received, failure };
    progress.failure = Math.min(progress.failure, failure);
    return failures <= MAX_STALLED_DOWNLOADS && performance.now() - progress.failure < deadlineSeconds * 1000;
  };
}
