import { accessSync, chmodSync, constants, lstatSync, readdirSync, type Stats, statSync } from "node:fs";
import { ToolError } from "../cli/tool-error.ts";
import { type BytePath, shownPath, toBytePath } from "./byte-path.ts";
import { readingRaw } from "./path-failure.ts";

/** The size of a file or a folder. */
export interface TreeSize {
  /** Number of regular files. A file with several hard links is counted once for each link. */
  files: number;
  /** Sum of the sizes of these files, in bytes. */
  bytes: number;
}

/**
 * A function that receives each path that cannot be processed. `path` is text for messages, and `failure` is the
 * reason.
 */
export type FailureReport = (path: string, failure: ToolError) => void;

const READ_FILE = 0o444;
const READ_FOLDER = 0o555;

/**
 * Grants every user read access to a file, or to a folder and its content. Follows `path` if `path` is a symbolic link.
 * Does not follow links inside a folder. Files that belong to another user keep their modes. Returns the size of the
 * readable files. Reports each path that this process cannot read.
 */
export function grantReadAccess(path: string, report: FailureReport): TreeSize {
  const size: TreeSize = { files: 0, bytes: 0 };
  const pending = [{ path: toBytePath(path), top: true }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path: current, top } = next;
    try {
      for (const name of visit(current, top, size)) pending.push({ path: `${current}/${name}`, top: false });
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      report(shownPath(current), error);
    }
  }
  return size;
}

/**
 * Grants every user access to one folder, but not to the files in it. Throws `noInput` if this process has no
 * permission to search the folder.
 */
export function grantFolderAccess(path: string): void {
  grant(toBytePath(path), statSync(path), READ_FOLDER, constants.X_OK);
}

/**
 * Grants access to one path. Returns the names in the folder if the path is a folder. Otherwise, returns an empty list.
 * Counts the path in `size` if the path is a regular file.
 */
function visit(path: BytePath, top: boolean, size: TreeSize): BytePath[] {
  const stats = readingRaw(path, (raw) => (top ? statSync(raw) : lstatSync(raw)));
  if (stats.isDirectory()) {
    grant(path, stats, READ_FOLDER, constants.R_OK | constants.X_OK);
    return readingRaw(path, (raw) => readdirSync(raw, { encoding: "latin1" }));
  }
  if (!stats.isFile()) return [];
  grant(path, stats, READ_FILE, constants.R_OK);
  size.files++;
  size.bytes += stats.size;
  return [];
}

/**
 * Adds `bits` to the mode of a path. `needed` is a mode of access(2). Throws `noInput` if this process cannot change
 * the mode of the path, and does not have the access `needed`.
 */
function grant(path: BytePath, stats: Stats, bits: number, needed: number): void {
  if ((stats.mode & bits) === bits) return;
  readingRaw(path, (raw) => {
    try {
      chmodSync(raw, (stats.mode & 0o7777) | bits);
    } catch {
      accessSync(raw, needed);
    }
  });
}
