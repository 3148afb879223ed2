import type { Stats } from "node:fs";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";

/**
 * The permission bits of a mode. Only these bits are restored. The set-user-ID bit, the set-group-ID bit and the sticky
 * bit are never restored.
 */
const PERMISSIONS = 0o777;

/** The latest time that an RFC 3339 date can hold, in seconds since 1970: the last second of the year 9999. */
const LATEST = 253_402_300_799;

/** The metadata of a file from the annotations of its layer. */
export interface FileMetadata {
  /** The permission bits. Undefined if they are unknown. */
  readonly mode: number | undefined;
  /** The modification time. Undefined if it is unknown. */
  readonly mtime: Date | undefined;
}

/**
 * Returns annotations with a file's metadata. `latest` is a time in seconds since 1970. A modification time after
 * `latest` is replaced with `latest`. This function is pure.
 */
export function metadataAnnotations({ mode, mtimeMs }: Stats, latest: number = LATEST): Annotations {
  const seconds = Math.max(0, Math.min(Math.floor(mtimeMs / 1000), latest, LATEST));
  return {
    [ANNOTATIONS.fileMode]: (mode & PERMISSIONS).toString(8).padStart(3, "0"),
    [ANNOTATIONS.fileTime]: new Date(seconds * 1000).toISOString().replace(".000Z", "Z"),
  };
}

/**
 * Reads a file's metadata from the annotations that {@link metadataAnnotations} returned. Ignores invalid annotations.
 * This function is pure.
 */
export function parseMetadata(annotations: Annotations = {}): FileMetadata {
  const mode = annotations[ANNOTATIONS.fileMode] ?? "";
  const mtime = annotations[ANNOTATIONS.fileTime] ?? "";
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(mtime) ? new Date(mtime) : undefined;
  return {
    mode: /^[0-7]{3,4}$/.test(mode) ? Number.parseInt(mode, 8) & PERMISSIONS : undefined,
    mtime: time === undefined || Number.isNaN(time.getTime()) ? undefined : time,
  };
}
