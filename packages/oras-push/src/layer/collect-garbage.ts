import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Returns a function that collects all garbage of the thread at every call with a number that is a multiple of `interval`.
 * The function blocks the thread for about ten milliseconds.
 */
export function garbageCollector(interval: number): () => void {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  let calls = 0;
  return () => {
    if (++calls % interval === 0) collect();
  };
}
