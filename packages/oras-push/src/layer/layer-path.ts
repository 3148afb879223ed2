import { basename, resolve } from "node:path";

/** A path that is to be a layer. */
export interface LayerPath {
  readonly path: string;
  /** The media type that the user wants; that of a file or of a folder by default. */
  readonly mediaType?: string | undefined;
}

/** The name under which a path is restored: its last part, the one form that every client restores to the same place. */
export function titleOf(path: string): string {
  return basename(resolve(path));
}
