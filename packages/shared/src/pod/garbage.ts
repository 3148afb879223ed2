/**
 * When a wait has lasted this number of milliseconds, the garbage from the start of the process is collected. A wait
 * that takes longer than this time may take hours.
 */
const SETTLED = 1000;

/** Milliseconds between two collections of the garbage that polling produces. */
const COLLECTION_INTERVAL = 60_000;

/**
 * Collects garbage in a waiting process. The first collection is after one second, and frees the memory that only the
 * start of the process needed. Then a collection every minute frees what polling produced. A waiting process allocates
 * so little memory that V8 would collect nothing for hours (docs/decisions/0050-what-a-start-loads.md). Returns a
 * function that stops the collections.
 */
export function collectWhenSettled(): () => void {
  let polling: NodeJS.Timeout | undefined;
  const settled = setTimeout(() => {
    const gc = collector();
    gc({ type: "major", execution: "sync", flavor: "last-resort" });
    polling = setInterval(() => gc({ type: "minor", execution: "sync" }), COLLECTION_INTERVAL).unref();
  }, SETTLED).unref();
  return () => {
    clearTimeout(settled);
    clearInterval(polling);
  };
}

/**
 * Returns the function that collects garbage. V8 offers this function only if a flag is set. Therefore, this code sets
 * the flag, gets the function, and removes the flag again. The flag must not be set when the process starts. With the
 * flag, V8 would reject the code cache of Node's own modules, and the start would take 12 ms longer.
 */
function collector(): NodeJS.GCFunction {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  setFlagsFromString("--expose-gc");
  const gc: NodeJS.GCFunction = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return gc;
}
