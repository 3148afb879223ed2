import { realpath, stat } from "node:fs/promises";
import { toBytePath } from "shared/fs/byte-path";
import { cannotRead } from "shared/fs/path-failure";
import { ANNOTATIONS } from "../oci/annotations.ts";
import { FOLDER_LAYER } from "../oci/media-types.ts";
import { Meter, metered } from "../oci/meter.ts";
import { pack } from "../tar/pack.ts";
import type { TreeEntry } from "../tar/walk.ts";
import { compressed } from "./compression.ts";
import type { LayerOptions, LayerSource } from "./layer.ts";
import { type LayerPath, titleOf } from "./layer-path.ts";
import { mountableEntries } from "./mountable-entries.ts";

/**
 * Returns a layer with an archive of files, for an image. The layer has no title, so that other clients do not restore
 * it. The archive contains the files under the titles of their own layers.
 */
export async function filesLayer(files: readonly LayerPath[], options: LayerOptions): Promise<LayerSource> {
  const entries = await Promise.all(files.map(({ path }) => entryOf(path)));
  const { level, latest, signal } = options;
  const openArchive = () => {
    const content = new Meter();
    signal?.throwIfAborted();
    const bytes = metered(pack(mountableEntries(entries), latest), content);
    return { bytes, annotations: () => ({ [ANNOTATIONS.contentDigest]: content.digest() }) };
  };
  const open = () => {
    const { bytes, annotations } = openArchive();
    return { bytes: compressed(bytes, level), annotations };
  };
  return { title: "(files of the image)", mediaType: FOLDER_LAYER, size: undefined, open, openArchive };
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
