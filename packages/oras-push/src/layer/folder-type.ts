import { FOLDER_LAYER, ZSTD_FOLDER_LAYER } from "../oci/media-types.ts";
import type { Format } from "./compression.ts";

/** Returns the media type for the layer of a folder. `format` is the compression format of the layer. */
export function folderType(format: Format = "gzip"): string {
  return format === "zstd" ? ZSTD_FOLDER_LAYER : FOLDER_LAYER;
}
