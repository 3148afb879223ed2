import { constants } from "node:fs";

/** Properties of a file. At least one property changes if another process replaces the file or writes to it. */
export interface FileState {
  readonly ino: number;
  /** The size in bytes. */
  readonly size: number;
  readonly mtimeMs: number;
}

/** Whether a file is still in the state in which the walk found it. */
export function isUnchanged(before: FileState, now: FileState): boolean {
  return now.ino === before.ino && now.size === before.size && now.mtimeMs === before.mtimeMs;
}

/**
 * The flags to open a file that the walk has found. After the walk found the file, another process may have replaced it
 * with a link or a FIFO. With these flags, the system does not follow the link, and does not wait for a writer of the
 * FIFO.
 */
export const OPEN_FLAGS: number = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
