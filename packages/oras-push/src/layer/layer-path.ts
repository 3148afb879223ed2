import { basename, resolve } from "node:path";

/** A path that becomes a layer. */
export interface LayerPath {
  readonly path: string;
  /** The requested media type; the default for a file or a folder if undefined. */
  readonly mediaType?: string | undefined;
}

/** The name under which a path is restored: its last part, because every client restores that to the same place. */
export function titleOf(path: string): string {
  return basename(resolve(path));
}
