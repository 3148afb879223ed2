import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { ToolError } from "shared/cli/tool-error";
import { type BytePath, rawPath, shownPath } from "shared/fs/byte-path";
import { cannotRead } from "shared/fs/path-failure";
import { changedWhileRead } from "./changed-file.ts";
import { type FileState, isUnchanged, OPEN_FLAGS } from "./file-state.ts";

/**
 * A part of the content of a regular file, and the position of this part in a segment of an archive. Numbers are in
 * bytes.
 */
export interface FilePart {
  readonly path: BytePath;
  /** The state of the file when the walk found it. */
  readonly state: FileState;
  /** The offset of the part in the file. */
  readonly from: number;
  readonly length: number;
  /** The offset of the part in the segment. */
  readonly at: number;
}

/**
 * Reads a part of a file into a segment. The read is synchronous. For a small file, an asynchronous call would take
 * longer than the read itself. Throws `noInput` with the path if the file cannot be read, or if the file changed
 * after the walk found it.
 */
export function readPart(part: FilePart, segment: Uint8Array): void {
  let failure: ToolError | undefined;
  try {
    const file = openSync(rawPath(part.path), OPEN_FLAGS);
    try {
      if (!readAll(part, file, segment) || !isUnchanged(part.state, fstatSync(file)))
        failure = changedWhileRead(part.path);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw cannotRead(shownPath(part.path), error);
  }
  if (failure !== undefined) throw failure;
}

/** Returns false if the file ends early. */
function readAll({ from, length, at }: FilePart, file: number, segment: Uint8Array): boolean {
  for (let filled = 0; filled < length; ) {
    const count = readSync(file, segment, at + filled, length - filled, from + filled);
    if (count === 0) return false;
    filled += count;
  }
  return true;
}
