import type { ChildProcess } from "node:child_process";
import type { ApplicationEnd } from "./exit-status.ts";
import { ANY_CHILD, reapChild } from "./libc.ts";

/**
 * If no SIGCHLD arrives, this process checks for ended children at this interval, in milliseconds. The timer of these
 * checks also keeps this process alive.
 */
const CHECK_INTERVAL = 5000;

/**
 * Maps the pid of each running child to a function. This function is called with the child's status when the child has
 * ended.
 */
const waiting = new Map<number, (status: number) => void>();

/** Node's internal handle of a child. After this handle is closed, Node does not reap the child. */
interface WithHandle {
  readonly _handle?: { close(): void } | null;
}

/**
 * If this process is PID 1, reaps orphaned processes from now on. PID 1 becomes the parent of all orphans, and Node
 * reaps only the children that Node itself started. Does nothing if this process is not PID 1.
 */
export function reapOrphans(): void {
  if (process.pid === 1) process.on("SIGCHLD", reapAll);
}

/**
 * Waits until a child ends. Call this as soon as the child is started. Does not wait for other processes that still use
 * the child's streams. Does not use Node's events, because Node reports exit code 0 if a real-time signal ends the
 * child.
 */
export function childEnd(child: ChildProcess): Promise<ApplicationEnd> {
  const { pid } = child;
  if (pid === undefined)
    return new Promise((resolve) => child.once("error", (error) => resolve({ kind: "not started", error })));
  (child as WithHandle)._handle?.close();
  return new Promise((resolve) => {
    const check = process.pid === 1 ? reapAll : () => report(reapChild(pid));
    const timer = setInterval(check, CHECK_INTERVAL);
    waiting.set(pid, (status) => {
      clearInterval(timer);
      process.off("SIGCHLD", check);
      resolve(endOf(status));
    });
    process.on("SIGCHLD", check);
    check();
  });
}

/** Reaps every child that has ended. */
function reapAll(): void {
  for (let ended = reapChild(ANY_CHILD); ended !== undefined; ended = reapChild(ANY_CHILD)) report(ended);
}

function report(ended: ReturnType<typeof reapChild>): void {
  if (ended === undefined) return;
  waiting.get(ended.pid)?.(ended.status);
  waiting.delete(ended.pid);
}

/** Decodes a status of wait(2). */
function endOf(status: number): ApplicationEnd {
  const signal = status & 0x7f;
  return signal === 0 ? { kind: "exited", exitCode: (status >> 8) & 0xff } : { kind: "signalled", signal };
}
