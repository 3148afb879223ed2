import type { Stats } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf } from "shared/fs/system-error";
import type { Annotations } from "../oci/descriptor.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import { FILE_LAYER, FOLDER_LAYER } from "../oci/media-types.ts";
import { Meter, metered } from "../oci/meter.ts";
import { readLarge } from "../tar/content.ts";
import { pack } from "../tar/pack.ts";
import { type Patterns, selection } from "../tar/selection.ts";
import { walk } from "../tar/walk.ts";
import { toBytePath } from "shared/fs/byte-path";
import { gzip } from "./gzip.ts";
import { type LayerPath, titleOf } from "./layer-path.ts";

/** How layers are made. */
export interface LayerOptions {
  /** gzip's level, 1 to 9, or 0 for bytes that are stored as they are. */
  readonly level: number;
  /** Which entries of folders are taken; all by default. */
  readonly patterns?: Patterns;
  /** No time in an archive is later than this, in seconds since 1970. */
  readonly latest?: number | undefined;
  /** Told of what is left out or changed, and why. */
  readonly report: (message: string) => void;
  /** The annotations that the user wants for a layer, beside those that clients restore it by. */
  readonly annotations?: (layer: LayerPath) => Annotations;
  /** Ends the reading of a layer, which takes minutes where it is large; never by default. */
  readonly signal?: AbortSignal;
}

/** One pass over a layer's bytes. */
export interface LayerStream {
  readonly bytes: AsyncIterable<Buffer>;
  /** The layer's annotations; complete only when all bytes have been read. */
  readonly annotations: () => Annotations;
}

/** A layer that can be read as often as it must be sent: the same bytes each time, as long as the files stay the same. */
export interface LayerSource {
  /** The name under which it is restored: the path's last part. */
  readonly title: string;
  readonly mediaType: string;
  /** Its size in bytes where it is known before it is read: for a file. */
  readonly size: number | undefined;
  readonly open: () => LayerStream;
  /** The archive in a folder's layer, not compressed, with the same annotations; undefined for a file. */
  readonly openArchive: (() => LayerStream) | undefined;
}

/** The layer of a path. Throws `noInput`, naming it, for one that is missing, can't be read or is neither file nor folder. */
export async function layerOf(layer: LayerPath, options: LayerOptions): Promise<LayerSource> {
  const { path, mediaType } = layer;
  const title = titleOf(path);
  const given = options.annotations?.(layer) ?? {};
  const stats = await stat(path).catch((error) => {
    throw new ToolError("noInput", `cannot read ${path}`, { why: reasonOf(error), cause: error });
  });
  if (stats.isDirectory()) return folderLayer(path, title, mediaType ?? FOLDER_LAYER, given, options);
  if (stats.isFile()) return fileLayer(await realpath(path), title, mediaType ?? FILE_LAYER, given, stats, options);
  throw new ToolError("noInput", `cannot push ${path}`, { why: "neither a file nor a folder" });
}

function folderLayer(
  path: string,
  title: string,
  mediaType: string,
  given: Annotations,
  options: LayerOptions,
): LayerSource {
  const { level, latest, patterns, signal } = options;
  const wanted = patterns === undefined ? undefined : selection(patterns);
  // What is left out is told once, however often the folder is read.
  const told = new Set<string>();
  const report = (message: string) => {
    if (!told.has(message)) options.report(message);
    told.add(message);
  };
  const openArchive = () => {
    const content = new Meter();
    const archive = interruptible(pack(walk(path, title, report, wanted), latest), signal);
    const annotations = () => ({
      ...given,
      [ANNOTATIONS.title]: title,
      [ANNOTATIONS.contentDigest]: content.digest(),
      [ANNOTATIONS.unpack]: "true",
    });
    return { bytes: metered(archive, content), annotations };
  };
  const open = () => {
    const { bytes, annotations } = openArchive();
    return { bytes: gzip(bytes, level), annotations };
  };
  return { title, mediaType, size: undefined, open, openArchive };
}

function fileLayer(
  path: string,
  title: string,
  mediaType: string,
  given: Annotations,
  stats: Stats,
  { signal }: LayerOptions,
): LayerSource {
  const annotations = () => ({ ...given, [ANNOTATIONS.title]: title });
  const bytes = () => interruptible(readLarge({ path: toBytePath(path), stats }), signal);
  const open = () => ({ bytes: bytes(), annotations });
  return { title, mediaType, size: stats.size, open, openArchive: undefined };
}

/** Passes bytes on until it is interrupted; then the reason is thrown. */
async function* interruptible(source: AsyncIterable<Buffer>, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    signal?.throwIfAborted();
    yield chunk;
  }
}
