import { closeSync, openSync, readSync } from "node:fs";
import { constants } from "node:os";

/** Signals that arrived before a tool was ready to handle them. */
export interface HeldSignals {
  /**
   * Returns the signals that have arrived so far. Call this function after the tool has added its own handlers. After
   * this call, signals are no longer held, and a signal without a handler has its default effect.
   */
  release(): NodeJS.Signals[];
}

/** The size of `/proc/self/status` is below this number of bytes. */
const STATUS_BYTES = 4096;

/**
 * The signals that Node itself handles while it starts. {@link ignoredSignals} finds out later whether these signals
 * arrived.
 */
const NODE_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Catches signals from now on, and keeps them until the tool is loaded. Call this function first, before anything else
 * in the process. `names` are the signals that the tool will handle.
 */
export function holdSignals(names: readonly NodeJS.Signals[]): HeldSignals {
  const held: NodeJS.Signals[] = [];
  const hold = (name: NodeJS.Signals) => void held.push(name);
  const [late, early] = [NODE_SIGNALS.filter((name) => names.includes(name)), names.filter((name) => !isOfNode(name))];
  for (const name of early) process.on(name, hold);
  const handlers = process.pid === 1 && late.length > 0 ? nodeHandlers() : undefined;
  for (const name of late) process.on(name, hold);
  if (handlers !== undefined) held.push(...ignoredSignals(handlers.toString("latin1")));
  return {
    release: () => {
      for (const name of names) process.off(name, hold);
      return held.splice(0);
    },
  };
}

function isOfNode(name: NodeJS.Signals): boolean {
  return (NODE_SIGNALS as readonly NodeJS.Signals[]).includes(name);
}

/**
 * Returns the signals that arrived while Node started, but had no effect, because Node is PID 1. `status` is the text
 * of `/proc/self/status` (proc(5)). At startup, Node adds a handler for each of {@link NODE_SIGNALS}. When a signal
 * arrives, Node's handler removes itself, and then sends the signal again. The kernel discards this second signal,
 * because PID 1 no longer has a handler for it. Therefore, a missing handler shows that the signal arrived. Returns an
 * empty list if `status` contains no line about handlers. This function is pure.
 */
export function ignoredSignals(status: string): NodeJS.Signals[] {
  const digits = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (digits === undefined) return [];
  const caught = BigInt(`0x${digits}`);
  return NODE_SIGNALS.filter((name) => ((caught >> BigInt(constants.signals[name] - 1)) & 1n) === 0n);
}

/**
 * Reads `/proc/self/status`. Returns undefined if /proc is not mounted. A signal is lost if it arrives after this read,
 * but before {@link holdSignals} adds its handlers. The time between these two steps must be short. Therefore, this
 * function reads the file twice, and uses only the second text. During the first read, Node compiles the code. The
 * second read is then so fast that a signal can be lost only within a few microseconds.
 */
function nodeHandlers(): Buffer | undefined {
  try {
    const file = openSync("/proc/self/status", "r");
    const status = Buffer.alloc(STATUS_BYTES);
    for (let times = 0; times < 2; times++) readSync(file, status, 0, STATUS_BYTES, 0);
    setImmediate(() => closeSync(file));
    return status;
  } catch {
    return undefined;
  }
}
