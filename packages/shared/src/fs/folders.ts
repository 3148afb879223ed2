import { chmodSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { ifSupported } from "./missing-feature.ts";
import { systemCode } from "./system-error.ts";

/**
 * Creates a folder and its missing parents. Calls `created` for each new folder. Throws the system's error if a folder
 * cannot be created. Does not use Node's recursive `mkdir`, because this kind of `mkdir` never returns for a folder
 * below /proc. Below /proc, the kernel reports ENOENT although the parent folder exists.
 */
export function makeFolders(path: string, created: (folder: string) => void = () => {}): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (isFolder(path)) return;
    if (systemCode(error) !== "ENOENT" || isFolder(dirname(path))) throw error;
    makeFolders(dirname(path), created);
    mkdirSync(path);
  }
  created(path);
}

/**
 * Creates a folder and its missing parents. If the file system supports modes, every user can write to the new folders,
 * regardless of the umask. An existing folder keeps its mode.
 */
export function makeSharedFolders(path: string): void {
  makeFolders(path, (folder) => ifSupported(() => chmodSync(folder, 0o777)));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
