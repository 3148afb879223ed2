import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/**
 * Opens a regular file with the flags of open(2), and throws for any other kind of file. Never blocks: without
 * O_NONBLOCK, opening a FIFO would wait until another process opens its other end, and neither timeouts nor signals
 * would end this wait.
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
