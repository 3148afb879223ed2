/**
 * A file name or path as a string of bytes, one character per byte (latin1). Names on Linux need not be UTF-8, and the order
 * of these strings is the order of their bytes.
 */
export type BytePath = string;

/** Converts text to a {@link BytePath}. */
export function toBytePath(path: string): BytePath {
  return Buffer.from(path).toString("latin1");
}

/** Converts a {@link BytePath} to the buffer that Node's file functions take. */
export function rawPath(path: BytePath): Buffer {
  return Buffer.from(path, "latin1");
}

/** Converts a {@link BytePath} to text for messages. */
export function shownPath(path: BytePath): string {
  return rawPath(path).toString();
}
