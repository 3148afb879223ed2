import { garbageCollector } from "../cli/garbage-collector.ts";

/** Milliseconds from the start of a wait to the first garbage collection. A shorter wait causes no collection. */
const SETTLED = 1000;

/** Milliseconds between two collections of the garbage that polling produces. */
const COLLECTION_INTERVAL = 60_000;

/**
 * Collects garbage in a waiting process. The first collection runs after one second, and frees memory that the process
 * needed only at its start. Later collections run every minute, and free the garbage that polling produces. Without
 * this function, V8 would collect the garbage late, because a waiting process allocates little memory
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
