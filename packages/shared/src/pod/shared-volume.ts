import { type Log, silent } from "../cli/log.ts";
import type { LeaseWatcher } from "./lease.ts";
import { readMarker, removeMarkers, writeMarker } from "./marker-file.ts";
import { waitUntil } from "./wait.ts";

/** How long a look at the volume is repeated. */
export interface UntilOptions {
  /** The names whose appearance, change or removal is reason to look again; beside them the lease's, if it is watched. */
  readonly names: readonly string[];
  /** Ends the wait: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Seconds between two looks when nothing is reported, see {@link waitUntil}. */
  readonly pollSeconds?: number | undefined;
  readonly log?: Log | undefined;
}

/**
 * The markers on the shared volume, as the lives of launcher and sidecar use them: a seam, so that a test can put every
 * interleaving of their steps before them. Each call is one step that the other side sees whole or not at all.
 */
export interface SharedVolume {
  readonly folder: string;
  /** A marker's content by `parse`; undefined while it is not there or not (yet) one. */
  read<T>(name: string, parse: (text: string) => T | undefined): Promise<T | undefined>;
  /** Writes a marker whole. Throws `cannotCreate`, naming it. */
  write(name: string, content: object): Promise<void>;
  /** Removes a marker, if it is there. Throws `cannotCreate`, naming it. */
  remove(name: string): Promise<void>;
  /** Looks until there is a value, again at each change of the volume, and gives it. Looks never overlap. */
  until<T>(look: () => Promise<T | undefined>, options: UntilOptions): Promise<T>;
}

/** The shared volume at a folder. With a `lease` to watch, its end is a change of the volume too. */
export function openVolume(folder: string, lease?: LeaseWatcher): SharedVolume {
  // `join` would leave more behind at each look than the look itself.
  const pathOf = (name: string) => `${folder}/${name}`;
  return {
    folder,
    read: async (name, parse) => readMarker(pathOf(name), parse),
    write: (name, content) => writeMarker(pathOf(name), content),
    remove: (name) => removeMarkers(folder, [name]),
    until: (look, { names, signal, pollSeconds, log }) =>
      waitUntil(look, {
        paths: [...names.map(pathOf), ...(lease === undefined ? [] : [lease.path])],
        changes: lease?.onEnd,
        signal,
        pollSeconds,
        log: log ?? silent,
      }),
  };
}
