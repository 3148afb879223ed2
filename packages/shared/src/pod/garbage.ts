/**
 * When a wait has lasted this number of milliseconds, the garbage from the start of the process is collected. After
 * this time, the wait may go on for hours.
 */
const SETTLED = 1000;

/** Milliseconds between two collections of the garbage that polling produces. */
const COLLECTION_INTERVAL = 60_000;

/**
 * Collects garbage in a waiting process. After one second, collects the garbage from the start of the process. Then
 * collects the garbage from polling once a minute. A waiting process allocates so little memory that V8 would collect
 * nothing for hours (docs/decisions/0050-what-a-start-loads.md). Returns a function that stops the collections.
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
 * Returns the function that collects garbage. V8 offers this function only if a flag is set, so the flag is set for a
 * moment. The code cache of Node's own modules is valid only without this flag. If the flag were set from the start, V8
 * would reject the cache, and the start would take 12 ms longer.
 */
function collector(): NodeJS.GCFunction {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  setFlagsFromString("--expose-gc");
  const gc: NodeJS.GCFunction = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return gc;
}
