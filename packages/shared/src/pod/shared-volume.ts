import { type Log, silent } from "../cli/log.ts";
import type { LeaseWatcher } from "./lease.ts";
import { readMarker, removeMarkers, writeMarker } from "./marker-file.ts";
import { type WaitNotice, waitUntil } from "./wait.ts";

/** How to wait for a change of the volume. */
export interface UntilOptions {
  /**
   * Names of files on the volume. The creation, change or removal of one of these files triggers a check. If the volume
   * watches a lease, the end of this lease also triggers a check.
   */
  readonly names: readonly string[];
  /** When this signal aborts, the wait ends and throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Seconds between two checks if no change is reported. If undefined, the default of {@link waitUntil} applies. */
  readonly pollSeconds?: number | undefined;
  readonly log?: Log | undefined;
  /** This notice is logged once if the wait takes long. By default, no notice is logged. */
  readonly notice?: WaitNotice | undefined;
}

/**
 * The launcher and the sidecar use these operations on the markers of the shared volume. Each read, write and removal
 * is atomic: the other side never sees an intermediate state. Tests use another implementation of this interface to run
 * the steps of both sides in every possible order.
 */
export interface SharedVolume {
  readonly folder: string;
  /**
   * Reads a marker with `parse`. Returns undefined if the marker does not exist, is invalid, or is still incomplete.
   */
  read<T>(name: string, parse: (text: string) => T | undefined): Promise<T | undefined>;
  /** Writes a marker atomically. Throws `cannotCreate` with the path if the write fails. */
  write(name: string, content: object): Promise<void>;
  /** Removes a marker if it exists. Throws `cannotCreate` with the path if the removal fails. */
  remove(name: string): Promise<void>;
  /**
   * Calls `check` now and at each change of the volume, until `check` returns a value. Returns this value. Two calls of
   * `check` never overlap.
   */
  until<T>(check: () => Promise<T | undefined>, options: UntilOptions): Promise<T>;
}

/** Opens the shared volume that is mounted at `folder`. The end of `lease` counts as a change of the volume. */
export function openVolume(folder: string, lease?: LeaseWatcher): SharedVolume {
  // This function does not use `join`, because `join` would produce more garbage than everything else in a poll.
  const pathOf = (name: string) => `${folder}/${name}`;
  return {
    folder,
    read: async (name, parse) => readMarker(pathOf(name), parse),
    write: (name, content) => writeMarker(pathOf(name), content),
    remove: (name) => removeMarkers(folder, [name]),
    until: (check, { names, signal, pollSeconds, log, notice }) =>
      waitUntil(check, {
        paths: [...names.map(pathOf), ...(lease === undefined ? [] : [lease.path])],
        changes: lease?.onEnd,
        signal,
        pollSeconds,
        log: log ?? silent,
        notice,
      }),
  };
}
