import type { Annotations } from "../oci/descriptor.ts";
import type { Patterns } from "../tar/selection.ts";
import type { Format } from "./compression.ts";
import type { LayerPath } from "./layer-path.ts";
import type { Threads } from "./threads.ts";

/** How to make layers. */
export interface LayerOptions {
  /** The compression level. For gzip, the level is 1 to 9, or 0 to store folders uncompressed. */
  readonly level: number;
  /** The format of compressed folders. The default is gzip. */
  readonly format?: Format | undefined;
  /** Patterns that select the entries of folders. By default, all entries are selected. */
  readonly patterns?: Patterns;
  /**
   * The upper limit for the times in an archive, in seconds since 1970. A later time is replaced with this limit. By
   * default, there is no limit.
   */
  readonly latest?: number | undefined;
  /**
   * Receives messages about files that are skipped or stored as a different kind of file. Only files in folders cause
   * such messages.
   */
  readonly report: (message: string) => void;
  /** Whether to skip unreadable paths in folders. By default, an unreadable path is an error. */
  readonly skipUnreadable?: boolean | undefined;
  /** Whether folders must be mountable as parts of an image. False by default. */
  readonly mountable?: boolean;
  /** Returns the user's annotations for a layer. By default, there are no such annotations. */
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
  /** The title of the layer. A pull restores the layer under this name. */
  readonly title: string;
  readonly mediaType: string;
  /** The layer's size in bytes. Undefined for an archive, because the size is unknown before the archive is read. */
  readonly size: number | undefined;
  readonly open: () => LayerStream;
  /**
   * Reads the archive, but does not compress it. Returns the annotations of the layer. This field is undefined if the
   * layer is a single file.
   */
  readonly describeArchive: (() => Promise<Annotations>) | undefined;
}
