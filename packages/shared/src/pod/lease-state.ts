/** A lease that this process holds. If it is not released, it ends with the process. */
export interface Lease {
  /** Releases the lease: afterwards its state is `none`, as before it was taken. */
  release(): Promise<void>;
}

/**
 * The state of a lease. `none`: nobody has taken it, or its holder released it. `held`: its holder is alive. `ended`:
 * its holder died, or ended without releasing it. Each holder has a different `id`.
 */
export type LeaseState =
  | { readonly kind: "none" }
  | { readonly kind: "held"; readonly id: string }
  | { readonly kind: "ended"; readonly id: string };

/** Reads the state of a lease. */
export type ReadLease = () => Promise<LeaseState>;

/** Whether two states belong to the same lease and are of the same kind. */
export function sameLease(one: LeaseState, other: LeaseState): boolean {
  if (one.kind !== other.kind) return false;
  return one.kind === "none" || one.id === (other as { id: string }).id;
}
