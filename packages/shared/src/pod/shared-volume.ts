import { type Log, silent } from "../cli/log.ts";
import type { LeaseWatcher } from "./lease.ts";
import { readMarker, removeMarkers, writeMarker } from "./marker-file.ts";
import { waitUntil } from "./wait.ts";

/** How to wait for a change of the volume. */
export interface UntilOptions {
  /** Names whose creation, change or removal triggers a check. The end of the watched lease also triggers a check. */
  readonly names: readonly string[];
  /** A signal that ends the wait. The signal's reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Seconds between two checks without a reported change, see {@link waitUntil}. */
  readonly pollSeconds?: number | undefined;
  readonly log?: Log | undefined;
}

/**
 * The markers on the shared volume, as the launcher and the sidecar use them. Tests replace this interface to run every
 * interleaving of the two sides. Each call is one atomic step for the other side.
 */
export interface SharedVolume {
  readonly folder: string;
  /** The content of a marker, as `parse` returns it. Undefined if the marker does not exist, or is not valid (yet). */
  read<T>(name: string, parse: (text: string) => T | undefined): Promise<T | undefined>;
  /** Writes a marker atomically. Throws `cannotCreate` with its path. */
  write(name: string, content: object): Promise<void>;
  /** Removes a marker if it exists. Throws `cannotCreate` with its path. */
  remove(name: string): Promise<void>;
  /** Calls `check` now and at each change of the volume, until it returns a value. Checks never overlap. */
  until<T>(check: () => Promise<T | undefined>, options: UntilOptions): Promise<T>;
}

/** Opens the shared volume in a folder. The end of the watched `lease` counts as a change of the volume. */
export function openVolume(folder: string, lease?: LeaseWatcher): SharedVolume {
  // `join` would produce more garbage than the rest of a poll.
  const pathOf = (name: string) => `${folder}/${name}`;
  return {
    folder,
    read: async (name, parse) => readMarker(pathOf(name), parse),
    write: (name, content) => writeMarker(pathOf(name), content),
    remove: (name) => removeMarkers(folder, [name]),
    until: (check, { names, signal, pollSeconds, log }) =>
      waitUntil(check, {
        paths: [...names.map(pathOf), ...(lease === undefined ? [] : [lease.path])],
        changes: lease?.onEnd,
        signal,
        pollSeconds,
        log: log ?? silent,
      }),
  };
}
