/** Who has waited for so long may wait for hours, in milliseconds. */
const SETTLED = 1000;

/**
 * Gives back what the start of a process left behind, once it is at rest: a waiting process allocates next to nothing, and
 * so would never collect it. Gives how to call it off.
 */
export function collectWhenSettled(): () => void {
  const timer = setTimeout(collect, SETTLED).unref();
  return () => clearTimeout(timer);
}

/**
 * V8 has no other way to ask for it. Were the flag set from the start, V8 would refuse the code cache of Node's own modules,
 * which is bound to the flags: loading them would take three times as long.
 */
async function collect(): Promise<void> {
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import("node:v8"), import("node:vm")]);
  setFlagsFromString("--expose-gc");
  const gc: NodeJS.GCFunction = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  gc({ type: "major", execution: "sync", flavor: "last-resort" });
}
