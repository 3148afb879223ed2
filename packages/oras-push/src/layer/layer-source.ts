import type { Annotations } from "../oci/descriptor.ts";
import type { Patterns } from "../tar/selection.ts";
import type { Format } from "./compression.ts";
import type { LayerPath } from "./layer-path.ts";
import type { Threads } from "./threads.ts";

/** How to make layers. */
export interface LayerOptions {
  /** The level of the compression. For gzip: 1 to 9, or 0 to store folders uncompressed. */
  readonly level: number;
  /** The format of compressed folders; gzip by default. */
  readonly format?: Format | undefined;
  /** Patterns that select the entries of folders. By default, all entries are selected. */
  readonly patterns?: Patterns;
  /**
   * The upper limit for the times in an archive, in seconds since 1970. A later time is replaced with this limit. By
   * default, there is no limit.
   */
  readonly latest?: number | undefined;
  /**
   * Receives a line of text about each skipped file in a folder, and about each file that is stored as a different kind
   * of file.
   */
  readonly report: (message: string) => void;
  /** Whether to skip unreadable paths in folders. By default, an unreadable path is an error. */
  readonly skipUnreadable?: boolean | undefined;
  /** Whether folders must be mountable as parts of an image. False by default. */
  readonly mountable?: boolean;
  /** The user's annotations for a layer; none by default. */
  readonly annotations?: (layer: LayerPath) => Annotations;
  /**
   * If this signal aborts, the read of a layer stops and throws the signal's reason. A read may take minutes. If this
   * field is undefined, nothing stops the read.
   */
  readonly signal?: AbortSignal;
  /** The threads for large folders. By default, no threads are used. */
  readonly threads?: Threads;
}

/** One pass over a layer's bytes. */
export interface LayerStream {
  readonly bytes: AsyncIterable<Buffer>;
  /** The layer's annotations. They are complete only after all bytes have been read. */
  readonly annotations: () => Annotations;
}

/** A layer that can be read repeatedly. Each read gives the same bytes, as long as the files do not change. */
export interface LayerSource {
  /** The name under which the layer is restored: the last part of the path. */
  readonly title: string;
  readonly mediaType: string;
  /** The layer's size in bytes. Undefined for a folder, because the size is unknown before the archive is read. */
  readonly size: number | undefined;
  readonly open: () => LayerStream;
  /**
   * Reads the folder as an uncompressed archive, and returns the annotations of the layer. Undefined if the layer is a
   * file.
   */
  readonly describeArchive: (() => Promise<Annotations>) | undefined;
}
