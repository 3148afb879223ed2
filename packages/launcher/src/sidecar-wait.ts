import type { Log } from "shared/cli/log";
import type { ReadLease } from "shared/pod/lease-state";
import type { SharedVolume, UntilOptions } from "shared/pod/shared-volume";
import { DEFAULT_POLL_SECONDS } from "shared/pod/wait";
import { type Awaited, waitNotice } from "shared/pod/wait-notice";
import { whileAlive } from "shared/pod/while-alive";

/** How long to wait for a new sidecar after a sidecar died. */
export interface SidecarTimeout {
  /** The state of the sidecar's lease. */
  readonly lease: ReadLease;
  /** After a sidecar died, a new sidecar must take the lease within this number of seconds. */
  readonly seconds: number;
  /** Whether the last sidecar died at least `seconds` seconds ago. Returns false if no sidecar ever took the lease. */
  readonly sidecarGone: () => Promise<boolean>;
}

/** A result that the sidecar produces, such as the pulled inputs. */
export interface SidecarResult<T> extends Pick<Awaited, "event" | "markers"> {
  /** Returns the result, or undefined if the result does not exist yet. Throws if the result will never exist. */
  readonly check: () => Promise<T | undefined>;
  /** Returns the error to throw if the sidecar died and no new sidecar started in time. */
  readonly failure: (why: string) => Error;
}

/**
 * Waits for a result of the sidecar (docs/protocol.md, "Who may wait for whom"). If the sidecar died and no new sidecar
 * started in time, this function throws the error that `failure` returns. If the wait takes long, this function warns
 * once.
 */
export function waitForSidecar<T>(
  volume: SharedVolume,
  { event, markers, check, failure }: SidecarResult<T>,
  options: Pick<UntilOptions, "signal" | "log">,
  { seconds, sidecarGone, lease }: SidecarTimeout,
  warn: Log,
): Promise<T> {
  const why = `the sidecar ended, and no new sidecar started within ${seconds} s`;
  const pollSeconds = Math.min(DEFAULT_POLL_SECONDS, Math.max(1, seconds));
  return volume.until(
    whileAlive(check, sidecarGone, () => failure(why)),
    {
      ...options,
      names: Object.keys(markers),
      pollSeconds,
      notice: waitNotice(volume, { event, side: "sidecar", lease, markers }, warn),
    },
  );
}
