import type { Stats } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { ToolError } from "shared/cli/tool-error";
import { toBytePath } from "shared/fs/byte-path";
import { cannotRead } from "shared/fs/path-failure";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { FILE_LAYER, FOLDER_LAYER } from "../oci/media-types.ts";
import { readLarge } from "../tar/content.ts";
import { type Patterns, selection } from "../tar/selection.ts";
import { walk } from "../tar/walk.ts";
import { archiveLayer } from "./archive-layer.ts";
import { metadataAnnotations } from "./file-metadata.ts";
import { type LayerPath, titleOf } from "./layer-path.ts";
import type { Threads } from "./threads.ts";

/** How to make layers. */
export interface LayerOptions {
  /** The gzip level: 1 to 9, or 0 to store folders uncompressed. */
  readonly level: number;
  /** Patterns that select the entries of folders. By default, all entries are selected. */
  readonly patterns?: Patterns;
  /**
   * The latest time in an archive, in seconds since 1970. A later time is replaced with this time. By default, no time
   * is replaced.
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
   * A signal that stops the read of a layer, because a read may take minutes. The read then throws the signal's reason.
   * If this field is undefined, nothing stops the read.
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
   * Reads the archive of a folder, does not compress the archive, and returns the annotations of the layer. Undefined
   * if the layer is a file.
   */
  readonly describeArchive: (() => Promise<Annotations>) | undefined;
}

/**
 * Returns the layer of a path. Throws `noInput` with the path if the path is missing, cannot be read, or is neither a
 * file nor a folder.
 */
export async function layerOf(layer: LayerPath, options: LayerOptions): Promise<LayerSource> {
  const { path } = layer;
  const stats = await stat(path).catch((error: unknown) => {
    throw cannotRead(path, error);
  });
  const title = titleOf(path);
  const annotations = { ...options.annotations?.(layer), [ANNOTATIONS.title]: title };
  if (stats.isDirectory()) return folderLayer({ ...layer, title, annotations }, options);
  if (stats.isFile()) return fileLayer({ ...layer, path: await realpath(path), title, annotations }, stats, options);
  throw new ToolError("noInput", `cannot push ${path}`, { why: "neither a file nor a folder" });
}

interface NamedLayer extends LayerPath {
  readonly title: string;
  /** The user's annotations and the title. */
  readonly annotations: Annotations;
}

function folderLayer({ path, title, mediaType = FOLDER_LAYER, annotations }: NamedLayer, options: LayerOptions) {
  const unreadable = options.skipUnreadable === true ? () => {} : undefined;
  const selected = options.patterns === undefined ? undefined : selection(options.patterns);
  const report = once(options.report);
  const archive = {
    title,
    mediaType,
    entries: () => walk(path, title, report, selected, unreadable),
    annotations: (content: Annotations) => ({ ...annotations, ...content, [ANNOTATIONS.unpack]: "true" }),
  };
  return archiveLayer(archive, options);
}

function fileLayer(layer: NamedLayer, stats: Stats, { latest, signal }: LayerOptions): LayerSource {
  const { path, title, mediaType = FILE_LAYER } = layer;
  const open = () => ({
    bytes: interruptible(readLarge({ path: toBytePath(path), stats }), signal),
    annotations: () => ({ ...layer.annotations, ...metadataAnnotations(stats, latest) }),
  });
  return { title, mediaType, size: stats.size, open, describeArchive: undefined };
}

/** Returns a function that passes each message to `report` only once, because a folder may be read several times. */
function once(report: (message: string) => void): (message: string) => void {
  const reported = new Set<string>();
  return (message) => {
    if (!reported.has(message)) report(message);
    reported.add(message);
  };
}

/** Passes bytes on until `signal` aborts, and then throws the signal's reason. */
async function* interruptible(source: AsyncIterable<Buffer>, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    signal?.throwIfAborted();
    yield chunk;
  }
}
