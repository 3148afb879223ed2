import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts a thread that runs `thread.ts`. In the executable there are no files: the build replaces this module by one that
 * contains the script of the thread.
 */
export function startThread(options: WorkerOptions): Worker {
  return new Worker(new URL("./thread.ts", import.meta.url), options);
}
