import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { ToolError } from "shared/cli/tool-error";
import { cannotRead } from "shared/fs/path-failure";
import { changedWhileRead } from "./walk.ts";
import { type BytePath, rawPath, shownPath } from "shared/fs/byte-path";

/** A regular file, as it was when it was found. */
export interface FoundFile {
  readonly path: BytePath;
  readonly stats: Stats;
}

/** Large files are read in pieces of this size, in bytes. */
const PIECE = 512 << 10;

/** A file that became a link or a FIFO since it was found is not followed, and does not hold us up. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The content of a small file at once: an asynchronous round trip would cost more than the reading. Throws `noInput`,
 * naming the path, where it can't be read or is not what was found any more.
 */
export function readSmall(entry: FoundFile): Buffer {
  let file: number;
  try {
    file = openSync(rawPath(entry.path), FLAGS);
  } catch (error) {
    throw cannotRead(shownPath(entry.path), error);
  }
  try {
    const content = Buffer.allocUnsafe(entry.stats.size);
    for (let filled = 0; filled < content.length; ) {
      const count = readSync(file, content, filled, content.length - filled, null);
      if (count === 0) throw changedWhileRead(entry.path);
      filled += count;
    }
    checkUnchanged(entry, fstatSync(file));
    return content;
  } catch (error) {
    throw error instanceof ToolError ? error : cannotRead(shownPath(entry.path), error);
  } finally {
    closeSync(file);
  }
}

/** The content of a file in pieces. Throws as {@link readSmall} does. */
export async function* readLarge(entry: FoundFile): AsyncGenerator<Buffer> {
  let file: FileHandle;
  try {
    file = await open(rawPath(entry.path), FLAGS);
  } catch (error) {
    throw cannotRead(shownPath(entry.path), error);
  }
  try {
    let left = entry.stats.size;
    // The next piece is read while the one before is worked on.
    const read = () => handled(file.read(Buffer.allocUnsafeSlow(Math.min(left, PIECE))));
    for (let next = read(); left > 0; ) {
      const { buffer, bytesRead } = await next;
      if (bytesRead === 0) throw changedWhileRead(entry.path);
      left -= bytesRead;
      // Not after the last piece: who has that has all that was promised, and may be done.
      if (left === 0) checkUnchanged(entry, await file.stat());
      else next = read();
      yield buffer.subarray(0, bytesRead);
    }
    if (entry.stats.size > 0) return;
    checkUnchanged(entry, await file.stat());
    // Files of the kernel's are said to have no size, and have content.
    if ((await file.read(Buffer.allocUnsafe(1))).bytesRead > 0) throw changedWhileRead(entry.path);
  } catch (error) {
    throw error instanceof ToolError ? error : cannotRead(shownPath(entry.path), error);
  } finally {
    await file.close();
  }
}

/** What fails is thrown where it is waited for; until then it must not count as unhandled. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function checkUnchanged(entry: FoundFile, now: Stats): void {
  const { ino, size, mtimeMs } = entry.stats;
  if (now.ino !== ino || now.size !== size || now.mtimeMs !== mtimeMs) throw changedWhileRead(entry.path);
}
