import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/**
 * Opens a file that has to be a regular one, with the flags of open(2). What else may stand in its place is refused and
 * never waited for: a FIFO would keep whoever opens it until somebody opens its other end, time-outs and signals or not.
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
