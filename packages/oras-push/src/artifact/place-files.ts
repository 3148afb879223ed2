import { chmodSync, lstatSync, readdirSync, renameSync, type Stats } from "node:fs";
import { ToolError } from "shared/cli/tool-error";
import { type BytePath, rawPath, shownPath } from "shared/fs/byte-path";
import { writing } from "shared/fs/path-failure";
import { specialFileKind } from "shared/fs/special-file";

/** A path that must not be replaced. */
export interface Conflict {
  readonly path: string;
  readonly why: string;
}

/** The names in a folder. */
export function namesIn(folder: BytePath): BytePath[] {
  return readdirSync(rawPath(folder), { encoding: "latin1" });
}

/**
 * Moves a file or a folder to the path `to`. Merges a folder with an existing folder, and replaces an existing file.
 */
export function merge(from: BytePath, to: BytePath): void {
  const stats = lstatSync(rawPath(from));
  const existing = lstatSync(rawPath(to), { throwIfNoEntry: false });
  // If a folder is not writable, only root can move or empty this folder. Therefore, makes the folder writable.
  if (stats.isDirectory()) chmodSync(rawPath(from), 0o700);
  if (existing?.isDirectory() === true && stats.isDirectory()) {
    whileWritable(to, existing, () => {
      for (const name of namesIn(from)) merge(`${from}/${name}`, `${to}/${name}`);
    });
    return;
  }
  writing(shownPath(to), () => {
    renameSync(rawPath(from), rawPath(to));
    if (stats.isDirectory()) chmodSync(rawPath(to), stats.mode & 0o7777);
  });
}

/**
 * Makes a folder writable, calls `act`, and restores the folder's mode. Does not change the mode if another user owns
 * the folder.
 */
function whileWritable(folder: BytePath, { mode, uid }: Stats, act: () => void): void {
  if ((mode & 0o300) === 0o300 || uid !== process.geteuid?.()) return act();
  writing(shownPath(folder), () => chmodSync(rawPath(folder), (mode & 0o7777) | 0o700));
  try {
    act();
  } finally {
    chmodSync(rawPath(folder), mode & 0o7777);
  }
}

/** Throws `cannotCreate` if {@link findConflict} finds a conflict between `from` and `to`. */
export function checkFree(from: BytePath, to: BytePath, keepOldFiles: boolean): void {
  const found = findConflict(from, to, { keepOldFiles, parents: [] });
  if (found !== undefined) throw new ToolError("cannotCreate", `${found.path} already exists`, { why: found.why });
}

/**
 * Finds the first conflict that would occur if `from` and its content were moved to `to`. A folder must not replace a
 * file. A file must not replace a folder or a special file. If `keepOldFiles` is true, a file must not replace another
 * file. `parents` are the paths above `to`. If a parent exists, it must be a folder.
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
  // This check is needed because a rename would replace a device or a FIFO with a file.
  if (!folder && !existing.isFile() && !existing.isSymbolicLink())
    return { path: shownPath(to), why: `it is ${specialFileKind(existing)}` };
  if (!folder) return options.keepOldFiles ? { path: shownPath(to), why: "--keep-old-files is set" } : undefined;
  for (const name of namesIn(from)) {
    const found = findConflict(`${from}/${name}`, `${to}/${name}`, { ...options, parents: [] });
    if (found !== undefined) return found;
  }
  return undefined;
}
