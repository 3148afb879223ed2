import { garbageCollector } from "../cli/garbage-collector.ts";

/**
 * When a wait has lasted this number of milliseconds, the garbage from the start of the process is collected. A wait
 * that takes longer than this time may take hours.
 */
const SETTLED = 1000;

/** Milliseconds between two collections of the garbage that polling produces. */
const COLLECTION_INTERVAL = 60_000;

/**
 * Collects garbage in a waiting process. The first collection is after one second, and frees the memory that only the
 * start of the process needed. Later collections run every minute, and free the garbage that polling produces. A
 * waiting process allocates so little memory that V8 would collect nothing for hours
 * (docs/decisions/0050-load-only-needed-code.md). Returns a function that stops the collections.
 */
export function collectWhenSettled(): () => void {
  let polling: NodeJS.Timeout | undefined;
  const settled = setTimeout(() => {
    const gc = garbageCollector();
    gc({ type: "major", execution: "sync", flavor: "last-resort" });
    polling = setInterval(() => gc({ type: "minor", execution: "sync" }), COLLECTION_INTERVAL).unref();
  }, SETTLED).unref();
  return () => {
    clearTimeout(settled);
    clearInterval(polling);
  };
}
