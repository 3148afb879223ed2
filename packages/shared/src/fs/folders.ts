import { chmodSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { systemCode } from "../cli/tool-error.ts";

/**
 * Makes a folder and those above it, where they are missing; gives whether it made the folder itself. Throws the system's
 * error. Node's own recursive `mkdir` never ends where the kernel says ENOENT of a folder whose parent is there, as it
 * does below /proc.
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

/** Makes a folder that everyone may write to, whatever the umask; one that is there stays as it is. */
export function makeSharedFolders(path: string): void {
  if (makeFolders(path)) chmodSync(path, 0o777);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
