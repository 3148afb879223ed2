import { basename, dirname, join } from "node:path";

/** A name that nobody else has taken: 12 hexadecimal digits. It is no secret, and `node:crypto` takes a megabyte to load. */
export function uniqueName(): string {
  return Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, "0");
}

/** A hidden temporary path beside `path`, to write under and to rename from. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${uniqueName()}`);
}
