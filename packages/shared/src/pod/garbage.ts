/**
 * The time in milliseconds after which a waiting process collects the garbage of its start. The wait may then last for
 * hours.
 */
const SETTLED = 1000;

/** The time between two collections of the garbage that polling produces, in milliseconds. */
const COLLECTION_INTERVAL = 60_000;

/**
 * Collects garbage in a waiting process: the garbage of its start after one second, and then the garbage of polling
 * once a minute. A waiting process allocates so little that V8 would collect nothing for hours
 * (docs/decisions/0050-what-a-start-loads.md). Returns a function that stops the collections.
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
 * Returns the function that collects garbage. V8 offers it only through a flag. The flag is set only for a moment: if
 * it were set from the start, V8 would reject the code cache of Node's own modules, which is bound to the flags, and
 * the start would take 12 ms longer.
 */
function collector(): NodeJS.GCFunction {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  setFlagsFromString("--expose-gc");
  const gc: NodeJS.GCFunction = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return gc;
}
