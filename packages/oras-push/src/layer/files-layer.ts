import { realpath, stat } from "node:fs/promises";
import { toBytePath } from "shared/fs/byte-path";
import { cannotRead } from "shared/fs/path-failure";
import type { Annotations } from "../oci/descriptor.ts";
import type { TreeEntry } from "../tar/walk.ts";
import { archiveLayer } from "./archive-layer.ts";
import { folderType } from "./folder-type.ts";
import { type LayerPath, titleOf } from "./layer-path.ts";
import type { LayerOptions, LayerSource } from "./layer-source.ts";

/**
 * Returns the layer that holds `files` in an image. This layer is one archive of all `files`. The layer has no title,
 * so that other clients do not restore the archive. In the artifact, each file has its own layer. The title of a file's
 * own layer is the name of the file in the archive.
 */
export async function filesLayer(files: readonly LayerPath[], options: LayerOptions): Promise<LayerSource> {
  const entries = await Promise.all(files.map(({ path }) => entryOf(path)));
  const archive = {
    title: "(files of the image)",
    mediaType: folderType(options.format),
    entries: () => entries,
    annotations: (content: Annotations) => content,
  };
  return archiveLayer(archive, options);
}

async function entryOf(path: string): Promise<TreeEntry> {
  try {
    const real = await realpath(path);
    const stats = await stat(real);
    return { path: toBytePath(real), name: toBytePath(titleOf(path)), type: "file", stats };
  } catch (error) {
    throw cannotRead(path, error);
  }
}
