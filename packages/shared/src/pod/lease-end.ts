import type { ReadLease } from "./lease-state.ts";

/**
 * Returns a function that finds out whether a lease has lost its holder. The function returns true if the holder has
 * died. It also returns true if an earlier call found a holder, and the lease has been released since that call. The
 * function returns false if nobody has taken the lease yet.
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
 * Returns a function that finds out whether the holder of a lease has been dead for at least `seconds` seconds. The
 * function returns false if the lease is in any state except `ended`. If a new holder takes the lease and also dies,
 * the function counts the seconds from zero again. `now` is a monotonic clock in milliseconds.
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
