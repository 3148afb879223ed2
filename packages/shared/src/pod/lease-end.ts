import type { ReadLease } from "./lease-state.ts";

/**
 * Returns a function that reports whether the holder of a lease is gone: the lease ended, or was released after this
 * function saw its holder. A lease that nobody has taken yet is not gone.
 */
export function holderGone(lease: ReadLease): () => Promise<boolean> {
  let seen = false;
  return async () => {
    const { kind } = await lease();
    if (kind === "held") seen = true;
    return kind === "ended" || (kind === "none" && seen);
  };
}

/**
 * Returns a function that reports whether a lease has had no holder for `seconds`. When a new holder ends, the time
 * starts again. A lease that nobody has taken yet does not count. `now` is a monotonic clock in milliseconds.
 */
export function endedFor(
  lease: ReadLease,
  seconds: number,
  now: () => number = () => performance.now(),
): () => Promise<boolean> {
  let ended: { readonly id: string; readonly since: number } | undefined;
  return async () => {
    const state = await lease();
    if (state.kind !== "ended") ended = undefined;
    else if (ended?.id !== state.id) ended = { id: state.id, since: now() };
    return ended !== undefined && now() - ended.since >= seconds * 1000;
  };
}
