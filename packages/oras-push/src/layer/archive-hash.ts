import type { Digest } from "../oci/digest.ts";
import { Meter } from "../oci/meter.ts";
import type { SegmentRing } from "./segment-ring.ts";
import type { Threads } from "./threads.ts";

/** Hashes the segments of one archive in order. */
export interface ArchiveHash {
  /**
   * Adds the next segment. When the promise `filled` is fulfilled, the segment has its content. The segment must stay
   * in the ring until the returned promise is fulfilled. The returned promise is rejected if `filled` is rejected.
   */
  add(index: number, length: number, filled: Promise<unknown>): Promise<void>;
  /** Returns the digest of all added segments. After a call of this method, do not call {@link add}. */
  digest(): Promise<Digest>;
}

/** Returns a hash that is computed on the current thread. */
export function ownHash(ring: SegmentRing): ArchiveHash {
  const meter = new Meter();
  let before: Promise<unknown> = Promise.resolve();
  return {
    add: (index, length, filled) => {
      const added = Promise.all([before, filled]).then(() => meter.update(ring.segment(index, length)));
      before = added;
      return added;
    },
    digest: async () => meter.digest(),
  };
}

/**
 * Returns a hash that is computed on a separate thread. That thread does not wait for `filled`: the ring tells the
 * thread when a segment is filled.
 */
export function threadHash({ memory, slots }: SegmentRing, threads: Threads): ArchiveHash {
  return {
    add: async (index, length, filled) => {
      await threads.hash({ kind: "hash", index, length, memory, slots });
      await filled;
    },
    digest: () => threads.digest(),
  };
}
