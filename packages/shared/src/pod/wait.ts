import { MAX_TIMER } from "../cli/deadline.ts";
import { type Log, silent } from "../cli/log.ts";
import { collectWhenSettled } from "./garbage.ts";
import { watchPaths } from "./watch.ts";

/** Seconds between two polls, if the kernel reports no change. */
export const DEFAULT_POLL_SECONDS = 5;

/** After this number of seconds, a waiting process logs what it is waiting for. */
export const NOTICE_SECONDS = 30;

/** A notice that is logged once if a wait takes long. */
export interface WaitNotice {
  readonly log: Log;
  readonly text: () => Promise<string>;
  /** Seconds from the start of the wait to the notice. The default is {@link NOTICE_SECONDS}. */
  readonly seconds?: number;
}

/** How to wait. */
export interface WaitOptions {
  /**
   * The creation, change or removal of one of these paths triggers a check. The paths and their folders need not exist.
   */
  readonly paths: readonly string[];
  /**
   * Watches for changes that leave `paths` unchanged, such as the death of a process. Calls `report` at each such
   * change. Returns a function that stops these calls.
   */
  readonly changes?: ((report: () => void) => () => void) | undefined;
  /** Seconds between two checks if no change is reported. The default is {@link DEFAULT_POLL_SECONDS}. */
  readonly pollSeconds?: number | undefined;
  /** When this signal aborts, the wait ends and throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Receives one line if the watch fails. */
  readonly log?: Log | undefined;
  /** This notice is logged once if the wait takes long. By default, no notice is logged. */
  readonly notice?: WaitNotice | undefined;
}

/**
 * Waits until `check` returns a value, and returns this value.
 *
 * This function calls `check` once, starts the watch, and calls `check` again. The second call finds a change that
 * happened between the first call and the start of the watch. Polling continues during the watch, because the watch can
 * miss changes. For example, network volumes report no changes, and the kernel limits the number of watches. Two calls
 * of `check` never overlap.
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
  const notice = startNotice(options.notice, changes.report);
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      const seen = changes.count();
      const found = await check();
      if (found !== undefined) return found;
      await notice.sayWhenDue();
      await changes.after(seen);
    }
  } finally {
    clearInterval(poll);
    stopCollecting();
    notice.stop();
    options.signal?.removeEventListener("abort", onAbort);
    stopChanges?.();
    await stopWatching();
  }
}

/**
 * Starts a timer for the notice of a wait. When the notice is due, the timer calls `report`, which ends the pause
 * between two checks. After each check without a result, `waitUntil` calls `sayWhenDue`. This function logs the notice
 * if the notice is due.
 */
function startNotice(notice: WaitNotice | undefined, report: () => void) {
  let due = false;
  const makeDue = () => {
    due = true;
    report();
  };
  const timer = notice && setTimeout(makeDue, (notice.seconds ?? NOTICE_SECONDS) * 1000);
  return {
    sayWhenDue: async () => {
      if (due && notice !== undefined) notice.log(await notice.text());
      due = false;
    },
    stop: () => clearTimeout(timer),
  };
}

/** Counts changes, and waits for the next change. */
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
