/** Who has waited for so long may wait for hours, in milliseconds. */
const SETTLED = 1000;

/** How often what the looks of a long wait leave behind is collected, in milliseconds. */
const TIDYING = 60_000;

/**
 * Gives back what the start of a process left behind, once it is at rest, and from then on what its looks leave: a waiting
 * process allocates so little that V8 would collect it only when a megabyte has come together. Gives how to call it off.
 */
export function collectWhenSettled(): () => void {
  let tidying: NodeJS.Timeout | undefined;
  const settled = setTimeout(() => {
    const gc = collector();
    gc({ type: "major", execution: "sync", flavor: "last-resort" });
    tidying = setInterval(() => gc({ type: "minor", execution: "sync" }), TIDYING).unref();
  }, SETTLED).unref();
  return () => {
    clearTimeout(settled);
    clearInterval(tidying);
  };
}

/**
 * V8 has no other way to ask for it. Were the flag set from the start, V8 would refuse the code cache of Node's own modules,
 * which is bound to the flags: loading them would take three times as long.
 */
function collector(): NodeJS.GCFunction {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  setFlagsFromString("--expose-gc");
  const gc: NodeJS.GCFunction = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return gc;
}
