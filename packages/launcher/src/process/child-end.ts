import type { ChildProcess } from "node:child_process";
import type { ApplicationEnd } from "./exit-status.ts";
import { waitStatus } from "./libc.ts";

/** How often a child is looked at where no SIGCHLD tells of it, in milliseconds; it keeps the event loop going, too. */
const LOOK = 5000;

/** Node's own watcher of a child: it has no public name, but whoever closes it has the child to wait for. */
interface Watched {
  readonly _handle?: { close(): void } | null;
}

/**
 * Waits for a child's end, in the place of Node: that tells of a death by a signal which it has no name for, a real-time
 * signal, as of an exit with 0. To be called as soon as the child was started. Whoever holds its streams is not waited for.
 */
export function childEnd(child: ChildProcess): Promise<ApplicationEnd> {
  const { pid } = child;
  if (pid === undefined)
    return new Promise((resolve) => child.once("error", (error) => resolve({ kind: "not started", error })));
  (child as Watched)._handle?.close();
  return new Promise((resolve) => {
    const look = () => {
      const status = waitStatus(pid);
      if (status === undefined) return;
      clearInterval(timer);
      process.off("SIGCHLD", look);
      resolve(endOf(status));
    };
    const timer = setInterval(look, LOOK);
    process.on("SIGCHLD", look);
    look();
  });
}

/** What a status of wait(2) says of a process that has ended. */
function endOf(status: number): ApplicationEnd {
  const signal = status & 0x7f;
  return signal === 0 ? { kind: "exited", exitCode: (status >> 8) & 0xff } : { kind: "signalled", signal };
}
