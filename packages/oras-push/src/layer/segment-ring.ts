import { type FilePart, readPart } from "../tar/file-part.ts";
import { MAX_COMPRESSED, SEGMENT, WINDOW } from "./gzip-block.ts";

/** The size of a slot, in bytes. A slot holds a segment and the compressed form of this segment. */
const SLOT: number = SEGMENT + MAX_COMPRESSED;

/**
 * Shared memory for segments of one archive while they are being encoded. Segment n is in slot n modulo the number of
 * slots. Several threads fill and compress segments, and one thread hashes segments. All these threads use the same
 * memory without copies.
 */
export class SegmentRing {
  readonly memory: SharedArrayBuffer;
  readonly slots: number;
  /** Contains one number for each slot: the index of the last filled segment in this slot, plus one. */
  readonly #filled: Int32Array<SharedArrayBuffer>;

  /** `slots` is the number of slots. Pass `memory` to use the ring of another thread. */
  constructor(slots: number, memory: SharedArrayBuffer = new SharedArrayBuffer(slots * (SLOT + 4))) {
    this.memory = memory;
    this.slots = slots;
    this.#filled = new Int32Array(memory, slots * SLOT, slots);
  }

  /** Returns the memory of a segment. Later, another segment in the same slot reuses this memory. */
  segment(index: number, length: number = SEGMENT): Buffer {
    return Buffer.from(this.memory, (index % this.slots) * SLOT, length);
  }

  /** Returns the memory of a compressed segment. Later, another segment in the same slot reuses this memory. */
  compressed(index: number, length: number = MAX_COMPRESSED): Buffer {
    return Buffer.from(this.memory, (index % this.slots) * SLOT + SEGMENT, length);
  }

  /** Marks a segment as filled, and wakes all threads that wait for this segment. */
  markFilled(index: number): void {
    const slot = index % this.slots;
    Atomics.store(this.#filled, slot, index + 1);
    Atomics.notify(this.#filled, slot);
  }

  /**
   * Blocks the current thread until a segment has its content. Another thread must fill the segment. Do not reuse the
   * slot of this segment before this method returns.
   */
  waitUntilFilled(index: number): void {
    const slot = index % this.slots;
    for (let seen = Atomics.load(this.#filled, slot); seen !== index + 1; seen = Atomics.load(this.#filled, slot))
      Atomics.wait(this.#filled, slot, seen);
  }

  /**
   * Waits until the segment before `index` has its content ({@link waitUntilFilled}). Returns the end of this content,
   * which is the dictionary of the segment at `index`. Returns undefined for the first segment.
   */
  dictionary(index: number): Buffer | undefined {
    if (index === 0) return undefined;
    this.waitUntilFilled(index - 1);
    return Buffer.from(this.memory, ((index - 1) % this.slots) * SLOT + SEGMENT - WINDOW, WINDOW);
  }
}

/**
 * Reads the contents of files into a segment. Marks the segment as filled even after a failure. Otherwise, a thread
 * that waits for the segment would wait forever. Throws the errors of {@link readPart}.
 */
export function fillSegment(ring: SegmentRing, index: number, parts: readonly FilePart[]): void {
  const segment = ring.segment(index);
  try {
    for (const part of parts) readPart(part, segment);
  } finally {
    ring.markFilled(index);
  }
}
