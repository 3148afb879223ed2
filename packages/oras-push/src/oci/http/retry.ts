import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "shared/cli/tool-error";
import { systemCode } from "shared/fs/system-error";
import { RegistryError } from "../registry-error.ts";
import { isNetworkCode } from "./network-failure.ts";

/** How the delays between attempts grow. */
export interface Backoff {
  /** The first delay, in milliseconds. Each further delay is twice as long. */
  readonly firstDelay: number;
  /** The longest delay, in milliseconds. */
  readonly longestDelay: number;
}

/** How long to retry. */
export interface RetryPolicy extends Backoff {
  /** Seconds from the first failure of a request to its last attempt. */
  readonly deadlineSeconds: number;
}

/** The default policy of uploads and downloads. */
export const DEFAULT_RETRY: RetryPolicy = { deadlineSeconds: 30, firstDelay: 250, longestDelay: 5000 };

/** The maximum number of attempts that are retried although they ran longer than the deadline. */
const MAX_LONG_ATTEMPTS = 5;

/** Whether to retry after a failed attempt. */
export type RetryDecision =
  | { readonly retry: false }
  /** `delay` is the delay that the server asked for, in milliseconds. */
  | { readonly retry: true; readonly delay?: number | undefined };

/** Decides whether to retry after a failed attempt. */
export type RetryPredicate = (error: unknown) => RetryDecision;

/** Called before the delay of each retry, with the delay in milliseconds. */
export type RetryListener = (error: unknown, delay: number) => void;

/**
 * Calls `attempt` until it succeeds, `predicate` decides against a retry, or the deadline has passed. Then throws the
 * last error. Respects a delay that the server asked for.
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  predicate: RetryPredicate,
  policy: RetryPolicy,
  signal: AbortSignal,
  listener: RetryListener = () => {},
): Promise<T> {
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
      // If a server asks for a delay of 0, the usual delay is used, so that requests do not repeat endlessly.
      const delay = decision.delay || backOff(attempts, policy);
      const long = performance.now() - started > policy.deadlineSeconds * 1000 && longAttempts++ < MAX_LONG_ATTEMPTS;
      // A long attempt worked for most of its time, so earlier failures no longer count.
      if (long || firstFailure === undefined) firstFailure = performance.now();
      if (performance.now() + delay - firstFailure > policy.deadlineSeconds * 1000) throw error;
      listener(error, delay);
      await sleep(delay, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/** The delay before the next attempt, in milliseconds: doubled each time, and varied at random by 20 %. */
export function backOff(attempts: number, policy: Backoff, random: () => number = Math.random): number {
  const delay = Math.min(policy.firstDelay * 2 ** attempts, policy.longestDelay);
  return Math.round(delay * (0.8 + 0.4 * random()));
}

/** Parses a `Retry-After` header (RFC 9110, section 10.2.3) to milliseconds; undefined if it is missing or invalid. */
export function parseRetryAfter(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

const TRANSIENT_STATUSES = new Set([408, 429, 500, 502, 503, 504]);

/** The code of an upload that the registry lost (distribution-spec, "Error Codes"). The retry opens a new one. */
const LOST_UPLOAD = "BLOB_UPLOAD_UNKNOWN";

/**
 * Retries transient failures: no connection, a broken connection, or a registry that is overloaded, is not ready, or
 * lost an upload.
 */
export const isTransient: RetryPredicate = (error) => {
  if (error instanceof RegistryError) {
    const retry = TRANSIENT_STATUSES.has(error.status) || error.registryCode === LOST_UPLOAD;
    return retry ? { retry, delay: error.retryAfter } : { retry };
  }
  if (!(error instanceof ToolError) || error.code !== "unavailable") return { retry: false };
  return { retry: isNetworkCode(systemCode(error.cause) ?? "") };
};

/** The codes for a manifest with a blob that the registry cannot find or read (distribution-spec, "Error Codes"). */
const MISSING_BLOB = new Set(["MANIFEST_BLOB_UNKNOWN", "DIGEST_INVALID"]);

/** The maximum number of retries for a manifest if the registry misses a blob that it confirmed before. */
const MAX_MISSING_BLOB_RETRIES = 4;

/**
 * A predicate for the push of a manifest. The registry confirmed all of its blobs before. It may miss one for a moment:
 * replicated storage shows a blob late, and distribution 2 reads the metadata of a blob as empty while another push to
 * the repository overwrites that metadata. Gives up earlier than {@link isTransient}, because the blob may also have
 * been deleted.
 */
export function manifestRetry(): RetryPredicate {
  let missing = 0;
  return (error) =>
    error instanceof RegistryError && MISSING_BLOB.has(error.registryCode ?? "")
      ? { retry: missing++ < MAX_MISSING_BLOB_RETRIES }
      : isTransient(error);
}

/** The number of times a download may break without any new byte before it is given up. */
const MAX_STALLED_DOWNLOADS = 5;

/**
 * Decides about the retries of one download. From the number of bytes received so far, the returned function decides
 * whether to resume it.
 */
export function downloadRetry(): (received: number) => boolean {
  let failures = 0;
  let before = 0;
  return (received) => {
    failures = received > before ? 1 : failures + 1;
    before = received;
    return failures <= MAX_STALLED_DOWNLOADS;
  };
}
