import { FOLDER_LAYER, ZSTD_FOLDER_LAYER } from "../oci/media-types.ts";
import type { Format } from "./compression.ts";

/** The media type of a folder's layer in a format. */
export function folderType(format: Format = "gzip"): string {
  return format === "zstd" ? ZSTD_FOLDER_LAYER : FOLDER_LAYER;
}
