import type { LeaseState } from "./lease.ts";

/**
 * Tells whether the holder of a lease is gone: the lease was seen and has ended, given back or not, or its holder is found
 * dead. One that nobody took yet is waited for.
 */
export function holderGone(lease: () => Promise<LeaseState>): () => Promise<boolean> {
  let seen = false;
  return async () => {
    const { kind } = await lease();
    if (kind === "held") seen = true;
    return kind === "ended" || (kind === "none" && seen);
  };
}

/**
 * Tells whether a lease has been without its holder for `seconds`, and without another one, who would have begun the time
 * anew. One that nobody took yet is waited for. `now` is a steady clock, in milliseconds.
 */
export function placeVacant(
  lease: () => Promise<LeaseState>,
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
