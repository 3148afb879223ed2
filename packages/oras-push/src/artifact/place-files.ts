import { chmodSync, lstatSync, readdirSync, renameSync } from "node:fs";
import { ToolError } from "shared/cli/tool-error";
import { type BytePath, rawPath, shownPath } from "shared/fs/byte-path";
import { writing } from "shared/fs/path-failure";

/** A path that must not be replaced. */
export interface Conflict {
  readonly path: string;
  readonly why: string;
}

/** The names in a folder. */
export function namesIn(folder: BytePath): BytePath[] {
  return readdirSync(rawPath(folder), { encoding: "latin1" });
}

/** Moves a file or a folder to its place. Merges with a folder that exists, and replaces a file. */
export function merge(from: BytePath, to: BytePath): void {
  const stats = lstatSync(rawPath(from));
  const existing = lstatSync(rawPath(to), { throwIfNoEntry: false });
  // A normal user can neither move nor empty a folder without write permission.
  if (stats.isDirectory()) chmodSync(rawPath(from), 0o700);
  if (existing?.isDirectory() === true && stats.isDirectory()) {
    for (const name of namesIn(from)) merge(`${from}/${name}`, `${to}/${name}`);
    return;
  }
  writing(shownPath(to), () => {
    renameSync(rawPath(from), rawPath(to));
    if (stats.isDirectory()) chmodSync(rawPath(to), stats.mode & 0o7777);
  });
}

/**
 * Throws `cannotCreate` if a folder would replace a file, if a file would replace a folder, or if an existing file must
 * be kept.
 */
export function checkFree(from: BytePath, to: BytePath, keepOldFiles: boolean): void {
  const found = findConflict(from, to, { keepOldFiles, parents: [] });
  if (found !== undefined) throw new ToolError("cannotCreate", `${found.path} exists already`, { why: found.why });
}

/**
 * Finds the first conflict if `from` and its content move to `to`. Files may be replaced unless `keepOldFiles` is set.
 * Each of `parents`, the folders on the path to `to`, must be a folder if it exists.
 */
export function findConflict(
  from: BytePath,
  to: BytePath,
  options: { readonly keepOldFiles: boolean; readonly parents: readonly string[] },
): Conflict | undefined {
  for (const path of options.parents)
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === false) return { path, why: "it is not a folder" };
  const existing = lstatSync(rawPath(to), { throwIfNoEntry: false });
  if (existing === undefined) return undefined;
  const folder = existing.isDirectory();
  if (folder !== lstatSync(rawPath(from)).isDirectory())
    return { path: shownPath(to), why: folder ? "it is a folder" : "it is not a folder" };
  if (!folder) return options.keepOldFiles ? { path: shownPath(to), why: "--keep-old-files" } : undefined;
  for (const name of namesIn(from)) {
    const found = findConflict(`${from}/${name}`, `${to}/${name}`, { ...options, parents: [] });
    if (found !== undefined) return found;
  }
  return undefined;
}
