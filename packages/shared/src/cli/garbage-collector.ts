/**
 * Returns the function that collects garbage. V8 offers this function only if a flag is set, so the flag is set for a
 * moment. The code cache of Node's own modules is valid only without this flag. If the flag were set from the start, V8
 * would reject the cache, and the start would take 12 ms longer.
 */
export function garbageCollector(): NodeJS.GCFunction {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  setFlagsFromString("--expose-gc");
  const gc: NodeJS.GCFunction = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return gc;
}
