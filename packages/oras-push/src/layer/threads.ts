import { availableParallelism } from "node:os";
import type { Digest } from "../oci/digest.ts";
import { ArchiveThread } from "./archive-thread.ts";
import type { EncodeTask, HashTask, TaskResults } from "./thread-task.ts";

/** The maximum number of threads that encode. With more threads, the main thread would be the bottleneck. */
const MAX_THREADS = 16;

/** The memory of a thread, in bytes: 7 MiB for V8 and Node, and 1 MiB for its segments and for zlib. */
const THREAD_MEMORY = 8 << 20;

/** The memory, in bytes, that a push needs in addition to the memory of the encoding threads. */
const OTHER_MEMORY = 64 << 20;

/**
 * The minimum number of encoding threads. If fewer threads are possible, libuv's threads encode the archive instead.
 * Compared with one or two encoding threads, libuv's threads need less memory, and are not slower.
 */
const MIN_THREADS = 3;

/**
 * If at most this number of threads encode, the main thread has time to hash the archive. If more threads encode, a
 * separate thread hashes the archive.
 */
const HASHED_BY_MAIN = 4;

/** Threads for archives. A further encoding thread starts only if all running encoding threads have a task. */
export class Threads {
  /** The maximum number of threads that encode. If the number is 0, no threads are used. */
  readonly count: number;
  readonly #encoding: ArchiveThread[] = [];
  #hashing: ArchiveThread | undefined;
  #claimed = false;
  #ended: Error | undefined;

  constructor(count: number = usefulThreads()) {
    this.count = count;
  }

  /** Whether one further thread hashes the archive. */
  get hashes(): boolean {
    return this.count > HASHED_BY_MAIN;
  }

  /** The number of threads that were started. */
  get started(): number {
    return this.#encoding.length + (this.#hashing === undefined ? 0 : 1);
  }

  /**
   * Claims the threads for one archive. Only one archive at a time can use the threads, because two archives would need
   * twice the memory. Returns false if there are no threads, or if another archive uses the threads.
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
   * Fills and compresses a segment on the thread that has the fewest tasks. Each thread takes its tasks in the order of
   * the calls. Therefore, a task waits only for segments of earlier calls, and two threads never wait for each other.
   */
  async encode(task: EncodeTask): Promise<TaskResults["encode"]> {
    return this.#leastBusy().run(task);
  }

  /**
   * Hashes a segment. Pass the segments in the order of the archive. Before you pass a segment to this method, pass it
   * to {@link encode}.
   */
  async hash(task: HashTask): Promise<void> {
    await this.#hasher().run(task);
  }

  /** Returns the digest of the hashed segments. */
  async digest(): Promise<Digest> {
    return this.#hasher().run({ kind: "digest" });
  }

  /** Ends all threads. Their tasks fail. */
  close(): Promise<void> {
    return this.#end(new Error("the threads were ended"));
  }

  #leastBusy(): ArchiveThread {
    const least = this.#encoding.toSorted((a, b) => a.load - b.load)[0];
    if (least !== undefined && (least.load === 0 || this.#encoding.length === this.count)) return least;
    const thread = this.#start();
    this.#encoding.push(thread);
    return thread;
  }

  #hasher(): ArchiveThread {
    this.#hashing ??= this.#start();
    return this.#hashing;
  }

  #start(): ArchiveThread {
    if (this.#ended !== undefined) throw this.#ended;

    return new ArchiveThread((reason) => void this.#end(reason));
  }

  /**
   * Ends all threads, even if only one of them failed. All tasks fail. If the other threads continued, they could wait
   * forever for a segment of the failed thread.
   */
  async #end(reason: Error): Promise<void> {
    const ended = this.#ended ?? reason;
    this.#ended = ended;
    const threads = this.#encoding.splice(0);
    if (this.#hashing !== undefined) threads.push(this.#hashing);
    this.#hashing = undefined;
    await Promise.all(threads.map((thread) => thread.end(ended)));
  }
}

/**
 * Returns the number of encoding threads to use: one for each available processor, but at most {@link MAX_THREADS}. A
 * memory limit of the process's cgroup can reduce this number. Returns 0 if fewer than {@link MIN_THREADS} threads are
 * possible. `memory` is the limit in bytes, or 0 if no limit is known.
 */
export function usefulThreads(processors = availableParallelism(), memory = process.constrainedMemory()): number {
  const fitting = memory > 0 ? Math.floor((memory - OTHER_MEMORY) / THREAD_MEMORY) : MAX_THREADS;
  const count = Math.min(processors, fitting, MAX_THREADS);
  return count < MIN_THREADS ? 0 : count;
}
