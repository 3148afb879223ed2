import type { SharedVolume, UntilOptions } from "shared/pod/shared-volume";
import { DEFAULT_POLL_SECONDS } from "shared/pod/wait";
import { whileAlive } from "shared/pod/while-alive";

/**
 * The default time to wait for a new sidecar after one died, in seconds. The kubelet waits up to five minutes before it
 * restarts a crashed container (Kubernetes, "Pod Lifecycle", container restarts). One more minute is for the start.
 */
export const DEFAULT_SIDECAR_SECONDS = 360;

/** How long to wait for a new sidecar after one died. */
export interface SidecarTimeout {
  /** Seconds within which a new sidecar must take the lease. */
  readonly seconds: number;
  /** Whether the last sidecar has been gone for this time. False if no sidecar ever took the lease. */
  readonly sidecarGone: () => Promise<boolean>;
}

/**
 * Waits for a result of the sidecar: until `check` returns a value (docs/protocol.md, "Who may wait for whom"). Throws the
 * error of `failure` if the sidecar has been gone for too long.
 */
export function waitForSidecar<T>(
  volume: SharedVolume,
  check: () => Promise<T | undefined>,
  options: UntilOptions,
  { seconds, sidecarGone }: SidecarTimeout,
  failure: (why: string) => Error,
): Promise<T> {
  const why = `the sidecar is gone, and no new one started within ${seconds} s`;
  const pollSeconds = Math.min(DEFAULT_POLL_SECONDS, Math.max(1, seconds));
  return volume.until(
    whileAlive(check, sidecarGone, () => failure(why)),
    { ...options, pollSeconds },
  );
}
