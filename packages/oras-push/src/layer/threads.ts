import { availableParallelism } from "node:os";
import type { Worker } from "node:worker_threads";
import { startThread } from "./start-thread.ts";
import { receivedFailure, type ThreadAnswer, type ThreadJob } from "./thread-job.ts";

/**
 * More threads than this number do not help. The main thread, which walks the files and sends the data, is then the
 * slowest.
 */
const MAX_THREADS = 16;

/** The memory of a thread, in bytes: 7 MiB for V8 and Node, and 1 MiB for its segments and for zlib. */
const THREAD_MEMORY = 8 << 20;

/** The memory of the other parts of the process during a push, in bytes. */
const OTHER_MEMORY = 40 << 20;

interface Member {
  readonly worker: Worker;
  /** The promises for the results of the thread's jobs, in the order of the jobs. */
  readonly jobs: PromiseWithResolvers<number>[];
}

/**
 * Threads that fill and compress segments of archives. A new thread is started only if all started threads have work.
 */
export class Threads {
  /** The largest number of threads. At 0 there are none. */
  readonly count: number;
  readonly #members: Member[] = [];
  #claimed = false;
  #ended: Error | undefined;

  constructor(count: number = usefulThreads()) {
    this.count = count;
  }

  /** The number of threads that were started. */
  get started(): number {
    return this.#members.length;
  }

  /**
   * Claims the threads for one archive. Returns false if there are no threads, or if another archive uses the threads.
   * Two archives at the same time would need twice the memory.
   */
  claim(): boolean {
    if (this.#claimed || this.count === 0) return false;
    this.#claimed = true;
    return true;
  }

  release(): void {
    this.#claimed = false;
  }

  /**
   * Gives a job to the thread that has the fewest jobs. Returns the length of the compressed segment in bytes. Each
   * thread works on its jobs in the order of the calls. A job waits only for the segment before its own segment, and a
   * thread already has this earlier segment. Therefore, two threads never wait for each other.
   */
  run(job: ThreadJob): Promise<number> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const member = this.#leastBusy();
    const result = Promise.withResolvers<number>();
    member.jobs.push(result);
    member.worker.postMessage(job);
    return result.promise;
  }

  /** Ends all threads. Their jobs fail. */
  close(): Promise<void> {
    return this.#end(new Error("the threads were ended"));
  }

  #leastBusy(): Member {
    const least = this.#members.toSorted((a, b) => a.jobs.length - b.jobs.length)[0];
    if (least !== undefined && (least.jobs.length === 0 || this.#members.length === this.count)) return least;
    const member = this.#start();
    this.#members.push(member);
    return member;
  }

  #start(): Member {
    const worker = startThread({ name: "archive", env: {}, execArgv: [] });
    const jobs: Member["jobs"] = [];
    worker.on("message", (answer: ThreadAnswer) => {
      const job = jobs.shift();
      if ("length" in answer) job?.resolve(answer.length);
      else job?.reject(receivedFailure(answer.failure));
    });
    worker.on("error", (error: Error) => void this.#end(error));
    worker.on("exit", () => void this.#end(new Error("a thread ended early")));
    return { worker, jobs };
  }

  /**
   * Ends all threads. If one thread ends, the other threads may wait forever for a segment of this thread. Therefore,
   * all jobs fail.
   */
  async #end(reason: Error): Promise<void> {
    this.#ended ??= reason;
    for (const { jobs } of this.#members) for (const job of jobs.splice(0)) job.reject(this.#ended);
    await Promise.all(this.#members.splice(0).map(({ worker }) => worker.terminate()));
  }
}

/**
 * Returns the useful number of threads: one for each processor that the process may use, but only as many as fit into
 * the memory limit of the process's cgroup. Returns 0 if there is only one processor. `memory` is the limit in bytes,
 * or 0 if no limit is known.
 */
export function usefulThreads(processors = availableParallelism(), memory = process.constrainedMemory()): number {
  const fitting = memory > 0 ? Math.floor((memory - OTHER_MEMORY) / THREAD_MEMORY) : MAX_THREADS;
  return processors === 1 ? 0 : Math.max(0, Math.min(processors, fitting, MAX_THREADS));
}
