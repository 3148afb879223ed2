import { basename, resolve } from "node:path";

/** A path that becomes a layer. */
export interface LayerPath {
  readonly path: string;
  /**
   * The requested media type. If this field is undefined, the layer gets the default media type for a file or a folder.
   */
  readonly mediaType?: string | undefined;
  /** The title of the layer. By default, the title is the result of {@link titleOf} for the path. */
  readonly title?: string;
}

/**
 * Returns the title of the layer for a path: the last part of the path. Such a title contains no slash. Therefore,
 * every client restores the layer to the same place.
 */
export function titleOf(path: string): string {
  return basename(resolve(path));
}
