import { realpathSync } from "node:fs";

/**
 * A file name or a path as a string with one character per byte (latin1). Names on Linux need not be UTF-8, so a normal
 * string cannot contain every name. Sorting these strings puts the names in the order of their bytes.
 */
export type BytePath = string;

/** Converts text to a {@link BytePath}. */
export function toBytePath(path: string): BytePath {
  return Buffer.from(path).toString("latin1");
}

/** A path in the form that Node's file functions accept. */
export type RawPath = string | Buffer;

/**
 * Converts a {@link BytePath} for Node's file functions. An ASCII path stays a string, because these functions process
 * a string faster than a buffer.
 */
export function rawPath(path: BytePath): RawPath {
  return isAscii(path) ? path : Buffer.from(path, "latin1");
}

/** Converts a {@link BytePath} to text for messages. */
export function shownPath(path: BytePath): string {
  return rawPath(path).toString();
}

/**
 * Resolves all symbolic links in a path. Throws the system's error if a link cannot be resolved. Uses
 * `realpathSync.native`, because `realpathSync` cannot find names that are not UTF-8.
 */
export function realBytePath(path: BytePath): BytePath {
  return realpathSync.native(rawPath(path), { encoding: "latin1" });
}

function isAscii(path: BytePath): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a path may contain control characters.
  return /^[\x00-\x7f]*$/.test(path);
}
