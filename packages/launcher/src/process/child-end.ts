import type { ChildProcess } from "node:child_process";
import type { ApplicationEnd } from "./exit-status.ts";
import { waitStatus } from "./libc.ts";

/**
 * The time between two checks of a child, if no SIGCHLD arrives, in milliseconds. This timer also keeps the process
 * alive.
 */
const CHECK_INTERVAL = 5000;

/** Node's own handle of a child. It has no public name. After it is closed, Node does not reap the child. */
interface WithHandle {
  readonly _handle?: { close(): void } | null;
}

/**
 * Waits until a child ends. Node's own events are not used, because Node reports the end by a real-time signal as an
 * exit with 0. Call this as soon as the child is started. Does not wait for other processes that hold the child's
 * streams.
 */
export function childEnd(child: ChildProcess): Promise<ApplicationEnd> {
  const { pid } = child;
  if (pid === undefined)
    return new Promise((resolve) => child.once("error", (error) => resolve({ kind: "not started", error })));
  (child as WithHandle)._handle?.close();
  return new Promise((resolve) => {
    const check = () => {
      const status = waitStatus(pid);
      if (status === undefined) return;
      clearInterval(timer);
      process.off("SIGCHLD", check);
      resolve(endOf(status));
    };
    const timer = setInterval(check, CHECK_INTERVAL);
    process.on("SIGCHLD", check);
    check();
  });
}

/** Decodes a status of wait(2). */
function endOf(status: number): ApplicationEnd {
  const signal = status & 0x7f;
  return signal === 0 ? { kind: "exited", exitCode: (status >> 8) & 0xff } : { kind: "signalled", signal };
}
