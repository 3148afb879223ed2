import type { Stats } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { ToolError } from "shared/cli/tool-error";
import { toBytePath } from "shared/fs/byte-path";
import { cannotRead } from "shared/fs/path-failure";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { FILE_LAYER } from "../oci/media-types.ts";
import { readLarge } from "../tar/content.ts";
import { selection } from "../tar/selection.ts";
import { walk } from "../tar/walk.ts";
import { archiveLayer } from "./archive-layer.ts";
import { metadataAnnotations } from "./file-metadata.ts";
import { folderType } from "./folder-type.ts";
import { type LayerPath, titleOf } from "./layer-path.ts";
import type { LayerOptions, LayerSource } from "./layer-source.ts";

/**
 * Returns the layer of a path. Throws `noInput` with the path if the path is missing, cannot be read, or is neither a
 * file nor a folder.
 */
export async function layerOf(layer: LayerPath, options: LayerOptions): Promise<LayerSource> {
  const { path } = layer;
  const stats = await stat(path).catch((error: unknown) => {
    throw cannotRead(path, error);
  });
  const title = layer.title ?? titleOf(path);
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

function folderLayer({ path, title, mediaType, annotations }: NamedLayer, options: LayerOptions) {
  const unreadable = options.skipUnreadable === true ? () => {} : undefined;
  const selected = options.patterns === undefined ? undefined : selection(options.patterns);
  const report = once(options.report);
  const archive = {
    title,
    mediaType: mediaType ?? folderType(options.format),
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

/**
 * Returns a function that passes each message to `report` only once. Without this function, each further read of a
 * folder would report the same messages again.
 */
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
