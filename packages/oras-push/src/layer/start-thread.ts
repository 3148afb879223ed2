import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts a thread that runs `thread.ts`. The executable does not contain `thread.ts`. Therefore, the build replaces
 * `start-thread.ts` with a module that contains the script of the thread.
 */
export function startThread(options: WorkerOptions): Worker {
  return new Worker(new URL("./thread.ts", import.meta.url), options);
}
