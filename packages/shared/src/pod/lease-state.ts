/**
 * A lease that this process holds. If the process ends before it releases the lease, the state of the lease becomes
 * `ended`.
 */
export interface Lease {
  /** Releases the lease. Afterwards, the state of the lease is `none` again. */
  release(): Promise<void>;
}

/**
 * The state of a lease. `none`: nobody has taken the lease, or the holder released the lease. `held`: the holder is
 * alive. `ended`: the holder ended before it released the lease. Each holder has a different `id`.
 */
export type LeaseState =
  | { readonly kind: "none" }
  | { readonly kind: "held"; readonly id: string }
  | { readonly kind: "ended"; readonly id: string };

/** Reads the state of a lease. */
export type ReadLease = () => Promise<LeaseState>;

/**
 * Whether two states have the same kind and the same `id`. States of the kind `none` have no `id`, and are always
 * equal.
 */
export function sameLease(one: LeaseState, other: LeaseState): boolean {
  if (one.kind !== other.kind) return false;
  return one.kind === "none" || one.id === (other as { id: string }).id;
}
