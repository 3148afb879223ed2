import { globSync, lstatSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { isOwnPart } from "../outputs/own-part.ts";
import { fixedFolder, mayBePattern } from "../outputs/pattern.ts";

/** A file that belongs to a checkpoint. */
export interface CheckpointFile {
  /** The absolute path of the file. */
  readonly path: string;
  /**
   * The path of the file in the checkpoint. With a single pattern, this path is relative to the
   * {@link checkpointFolder} of the pattern. With several patterns, the index of the file's pattern stands before the
   * relative path, as in `1/state.bin`.
   */
  readonly title: string;
  /** A text that changes when the file changes. */
  readonly signature: string;
  /** Size in bytes. */
  readonly size: number;
  /** The time of the last change in milliseconds since 1970. An application cannot set this time (stat(2), ctime). */
  readonly changed: number;
}

/**
 * Returns the base folder of a pattern. The titles of the matching files are relative to this folder. If the pattern
 * contains no pattern characters, the pattern is a path. The base folder is then the parent folder of this path.
 */
export function checkpointFolder(pattern: string): string {
  return mayBePattern(pattern) ? fixedFolder(pattern) : dirname(resolve(pattern));
}

/**
 * Returns the name of a subfolder in a checkpoint. This subfolder contains the files of one pattern. If there is only
 * one pattern, returns an empty name.
 */
export function titlePrefix(patterns: readonly string[], index: number): string {
  return patterns.length > 1 ? String(index) : "";
}

/**
 * Finds the regular files that match the patterns. Returns the files in the order of their titles. If a pattern matches
 * a folder, all files in this folder belong to the checkpoint. Skips the tools' own files on the shared volume. Also
 * skips a file that disappears during the search.
 */
export function findCheckpointFiles(patterns: readonly string[], share: string): CheckpointFile[] {
  const files = new Map<string, CheckpointFile>();
  for (const [index, pattern] of patterns.entries()) {
    const folder = checkpointFolder(pattern);
    const matches = mayBePattern(pattern) ? globSync(pattern) : [pattern];
    for (const path of matches.flatMap((match) => filesBelow(resolve(match)))) {
      const file = isOwnPart(relative(resolve(share), path)) ? undefined : fileOf(path);
      const title = join(titlePrefix(patterns, index), relative(folder, path));
      if (file !== undefined) files.set(title, { ...file, title });
    }
  }
  return [...files.values()].sort((one, other) => (one.title < other.title ? -1 : 1));
}

/** Reads the state of a file. Returns undefined if the file does not exist or is not a regular file. */
export function fileOf(path: string): Omit<CheckpointFile, "title"> | undefined {
  try {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined || !stats.isFile()) return undefined;
    const { ino, size, mtimeNs, ctimeNs } = stats;
    const signature = [ino, size, mtimeNs, ctimeNs].join(" ");
    return { path, signature, size: Number(size), changed: Number(ctimeNs / 1_000_000n) };
  } catch {
    return undefined;
  }
}

/** Returns the files in a folder and its subfolders. If the path is not a folder, returns only this path. */
export function filesBelow(path: string): string[] {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
