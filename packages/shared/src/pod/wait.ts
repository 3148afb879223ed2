import { MAX_TIMER } from "../cli/deadline.ts";
import { type Log, silent } from "../cli/log.ts";
import { collectWhenSettled } from "./garbage.ts";
import { watchPaths } from "./watch.ts";

/** The time between two polls if the kernel reports no change, in seconds. */
export const DEFAULT_POLL_SECONDS = 5;

/** How to wait. */
export interface WaitOptions {
  /** Paths whose creation, change or removal triggers a check; they and their folders need not exist. */
  readonly paths: readonly string[];
  /** Another source of changes: calls `report` at each change, and returns a function that stops the reports. */
  readonly changes?: ((report: () => void) => () => void) | undefined;
  /** Seconds between two checks without a reported change; {@link DEFAULT_POLL_SECONDS} by default. */
  readonly pollSeconds?: number | undefined;
  /** A signal that ends the wait. The signal's reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Receives one line if only polling is possible. */
  readonly log?: Log | undefined;
}

/**
 * Waits until `check` returns a value, and returns it.
 *
 * The watch starts before the check that decides to wait, so no change in between is missed. Polling continues during
 * the watch, because network volumes report no changes, and the number of watches is limited. Checks never overlap.
 */
export async function waitUntil<T>(check: () => Promise<T | undefined>, options: WaitOptions): Promise<T> {
  options.signal?.throwIfAborted();
  const first = await check();
  if (first !== undefined) return first;
  const changes = changeCounter();
  const poll = setInterval(changes.report, Math.min((options.pollSeconds ?? DEFAULT_POLL_SECONDS) * 1000, MAX_TIMER));
  const onAbort = () => changes.report();
  options.signal?.addEventListener("abort", onAbort);
  const stopChanges = options.changes?.(changes.report);
  const stopWatching = await watchPaths(options.paths, changes.report, options.log ?? silent);
  const stopCollecting = collectWhenSettled();
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      const seen = changes.count();
      const found = await check();
      if (found !== undefined) return found;
      await changes.after(seen);
    }
  } finally {
    clearInterval(poll);
    stopCollecting();
    options.signal?.removeEventListener("abort", onAbort);
    stopChanges?.();
    await stopWatching();
  }
}

/** Counts changes, and waits for the next one. */
function changeCounter() {
  let count = 0;
  let wake = () => {};
  return {
    count: () => count,
    report: () => {
      count++;
      wake();
    },
    after: async (seen: number) => {
      if (count !== seen) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    },
  };
}
