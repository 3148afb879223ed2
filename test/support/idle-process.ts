import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** The time between two checks of the threads, in milliseconds. */
const PAUSE = 50;

/**
 * Waits until the given processes are idle: they have handled all events so far. Checks the threads of these processes
 * repeatedly. The processes count as idle if all threads sleep in two consecutive checks, and have the same number of
 * context switches in both checks. A process with work to do does not count as idle, even on a slow machine, because
 * one of its threads is runnable. Throws if a process has ended.
 */
export async function waitUntilIdle(...pids: readonly number[]): Promise<void> {
  for (let before: string | undefined; ; await sleep(PAUSE)) {
    const now = pids.map(threadsOf).join("\n");
    if (now === before && !now.includes(RUNNING)) return;
    before = now;
  }
}

/** The state of a thread that does not sleep. */
const RUNNING = "running";

/**
 * Returns the threads of a process. Each thread has its number of context switches. Throws if the process has ended.
 */
function threadsOf(pid: number): string {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = statusOf(`/proc/${pid}/task/${thread}/status`);
    const [, state] = /^State:\s+(\w)/m.exec(status) ?? [];
    if (state === "Z") throw new Error(`process ${pid} has ended`);
    const switches = status.match(/^\w*voluntary_ctxt_switches:\s+\d+$/gm);
    return state === "S" && switches ? [thread, ...switches].join(" ") : RUNNING;
  });
  return threads.join("\n");
}

/** Returns the status of a thread. Returns an empty text if the thread has ended. */
function statusOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
