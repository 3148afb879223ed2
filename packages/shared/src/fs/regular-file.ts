import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/**
 * Opens a regular file. Throws for any other kind of file. `flags` are flags of open(2). This function adds the flag
 * O_NONBLOCK. Without this flag, open(2) would wait at a FIFO until another process opens the other end. No timeout and
 * no signal could end this wait.
 */
export async function openRegular(path: string, flags: number, mode = 0o644): Promise<FileHandle> {
  const file = await open(path, flags | constants.O_NONBLOCK, mode);
  try {
    if (!(await file.stat()).isFile()) throw new Error("it is not a regular file");
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
