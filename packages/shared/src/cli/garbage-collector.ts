/** {@link garbageCollector} sets the flag `--expose-gc` at most this number of times. */
const ATTEMPTS = 1000;

/**
 * Returns V8's function `gc`, which collects garbage. V8 offers `gc` only if the flag `--expose-gc` is set. Therefore,
 * `garbageCollector` sets this flag for a moment. If the flag were already set when the process starts, V8 would reject
 * the code cache of Node's own modules. As a result, the start would take 12 ms longer.
 */
export function garbageCollector(): NodeJS.GCFunction {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    setFlagsFromString("--expose-gc");
    const gc: NodeJS.GCFunction | undefined = runInNewContext("globalThis.gc");
    setFlagsFromString("--no-expose-gc");
    // All threads share the flags of V8. If another thread has just removed `--expose-gc`, `gc` is undefined here.
    if (gc !== undefined) return gc;
  }
  throw new Error("V8 does not offer its garbage collection");
}

/**
 * Returns a function that counts its own calls. At every `interval`-th call, the function collects the garbage of the
 * thread. A `major` collection blocks the thread for a few milliseconds. A `minor` collection frees only new objects,
 * and takes less than a millisecond.
 */
export function periodicCollection(interval: number, type: "major" | "minor" = "major"): () => void {
  let collect: NodeJS.GCFunction | undefined;
  let calls = 0;
  return () => {
    calls++;
    if (calls % interval !== 0) return;
    collect ??= garbageCollector();
    collect({ type, execution: "sync" });
  };
}
