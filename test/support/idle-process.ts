import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** The time between two such moments, in milliseconds. */
const PAUSE = 50;

/**
 * Waits until processes have handled every event so far, and wait for the next one. All their threads must sleep at two
 * moments and must not run between them: the kernel counts the context switches of a thread. A process on a slow machine
 * does not count as idle, because a thread with work to do is runnable. Throws if a process has ended.
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

/** The threads of a process, each with its number of context switches. Throws if the process has ended. */
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

/** The status of a thread; empty if the thread has ended. */
function statusOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
