import type { SharedVolume, UntilOptions } from "shared/pod/shared-volume";
import { DEFAULT_POLL_SECONDS } from "shared/pod/wait";
import { whileAlive } from "shared/pod/while-alive";

/**
 * How long a sidecar that is gone may take to come back, in seconds: the kubelet waits up to five minutes before it starts
 * a container again that crashed (Kubernetes, "Pod Lifecycle", container restarts), and one more is for the start.
 */
export const DEFAULT_SIDECAR_SECONDS = 360;

/** How long a sidecar that is gone is waited for. */
export interface Patience {
  /** Seconds in which another sidecar may take its place. */
  readonly seconds: number;
  /** Whether it has been gone for as long; one that was never seen is not. */
  readonly sidecarGone: () => Promise<boolean>;
}

/**
 * Looks until there is what the sidecar is to bring, and gives that (docs/protocol.md, "Who may wait for whom"). Throws
 * the failure that `failure` makes of the reason where the sidecar is gone for good.
 */
export function untilSidecar<T>(
  volume: SharedVolume,
  look: () => Promise<T | undefined>,
  options: UntilOptions,
  { seconds, sidecarGone }: Patience,
  failure: (why: string) => Error,
): Promise<T> {
  const why = `the sidecar is gone, and no other took its place within ${seconds} s`;
  const pollSeconds = Math.min(DEFAULT_POLL_SECONDS, Math.max(1, seconds));
  return volume.until(
    whileAlive(look, sidecarGone, () => failure(why)),
    { ...options, pollSeconds },
  );
}
