import type { Worker } from "node:worker_threads";
import { startThread } from "./start-thread.ts";
import { receivedFailure, type TaskResults, type ThreadAnswer, type ThreadTask } from "./thread-task.ts";

/** A running thread of `thread.ts`. */
export class ArchiveThread {
  readonly #worker: Worker;
  /** The callbacks of the thread's unfinished tasks, in the order of the tasks. */
  readonly #tasks: PromiseWithResolvers<unknown>[] = [];

  /** Starts the thread. Calls `ended` after an uncaught error in the thread, and also when the thread exits. */
  constructor(ended: (reason: Error) => void) {
    this.#worker = startThread({ name: "archive", env: {}, execArgv: [] });
    this.#worker.on("message", (answer: ThreadAnswer) => {
      const task = this.#tasks.shift();
      if ("failure" in answer) task?.reject(receivedFailure(answer.failure));
      else task?.resolve(answer.result);
    });
    this.#worker.on("error", ended);
    this.#worker.on("exit", () => ended(new Error("a thread ended early")));
  }

  /** The number of tasks without a result. */
  get load(): number {
    return this.#tasks.length;
  }

  /** Gives a task to the thread. The thread takes its tasks in the order of the calls. */
  run<K extends keyof TaskResults>(task: Extract<ThreadTask, { readonly kind: K }>): Promise<TaskResults[K]> {
    const result = Promise.withResolvers<unknown>();
    this.#tasks.push(result);
    this.#worker.postMessage(task);
    return result.promise as Promise<TaskResults[K]>;
  }

  /** Ends the thread. All tasks without a result fail with `reason`. */
  async end(reason: Error): Promise<void> {
    for (const task of this.#tasks.splice(0)) task.reject(reason);
    await this.#worker.terminate();
  }
}
