import { availableParallelism } from "node:os";
import type { Digest } from "../oci/digest.ts";
import { ArchiveThread } from "./archive-thread.ts";
import type { EncodeTask, HashTask, TaskResults } from "./thread-task.ts";

/** More threads that encode than this number do not pay: the thread that walks and sends is then the slowest. */
const MAX_THREADS = 16;

/** The memory of a thread, in bytes: 7 MiB for V8 and Node, and 1 MiB for its segments and for zlib. */
const THREAD_MEMORY = 8 << 20;

/** The memory of the other parts of the process during a push, in bytes. */
const OTHER_MEMORY = 64 << 20;

/** Fewer threads than this number do not pay: libuv's threads compress as fast, and need less memory. */
const MIN_THREADS = 3;

/**
 * Up to this number of threads, the main thread has time to hash the archive. With more threads, one further thread
 * hashes.
 */
const HASHED_BY_MAIN = 4;

/** Threads for archives. Each thread that encodes is started when all others have work. */
export class Threads {
  /** The largest number of threads that encode. At 0 there are none. */
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
   * Claims the threads for one archive. Two archives at once would need twice the memory. Returns false if there are no
   * threads, or if another archive has them.
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
   * the calls. Therefore, a thread waits only for segments that a thread has already, and two threads never wait for each
   * other.
   */
  async encode(task: EncodeTask): Promise<TaskResults["encode"]> {
    return this.#leastBusy().run(task);
  }

  /** Hashes a segment. The segments come in order. Each segment must be given to {@link encode} before. */
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

  /** Ends all threads. If one thread ends, the others may wait for its segment forever. Therefore, all tasks fail. */
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
 * The number of threads that pay: one for each processor that the process may use, but only as many as fit into the
 * memory limit of the process's cgroup. With one or two processors, threads do not pay. `memory` is the limit in bytes, or
 * 0 if no limit is known.
 */
export function usefulThreads(processors = availableParallelism(), memory = process.constrainedMemory()): number {
  const fitting = memory > 0 ? Math.floor((memory - OTHER_MEMORY) / THREAD_MEMORY) : MAX_THREADS;
  const count = Math.min(processors, fitting, MAX_THREADS);
  return count < MIN_THREADS ? 0 : count;
}
