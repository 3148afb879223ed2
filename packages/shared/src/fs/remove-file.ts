import { unlink } from "node:fs/promises";
import { systemCode } from "./system-error.ts";

/**
 * Removes a file, a link or a socket. Does nothing if the path does not exist. Throws the system's error if the removal
 * fails. Does not use Node's `rm`, because `rm` tries rmdir(2) after the error EPERM, and then reports ENOTDIR instead
 * of EPERM.
 */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
