import { chmodSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { systemCode } from "./system-error.ts";

/**
 * Creates a folder and its missing parents. Returns whether it created the folder itself. Throws the system's error. Node's
 * recursive `mkdir` never returns if the kernel reports ENOENT for a folder whose parent exists, as it does below /proc.
 */
export function makeFolders(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (isFolder(path)) return false;
    if (systemCode(error) !== "ENOENT" || isFolder(dirname(path))) throw error;
  }
  makeFolders(dirname(path));
  mkdirSync(path);
  return true;
}

/** Creates a folder that every user may write to, whatever the umask. An existing folder keeps its mode. */
export function makeSharedFolders(path: string): void {
  if (makeFolders(path)) chmodSync(path, 0o777);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
