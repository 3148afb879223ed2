import type { Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { ToolError } from "shared/cli/tool-error";
import { type BytePath, rawPath, shownPath } from "shared/fs/byte-path";
import { cannotRead } from "shared/fs/path-failure";
import { changedWhileRead } from "./changed-file.ts";
import { isUnchanged, OPEN_FLAGS } from "./file-state.ts";

/** A regular file, and its state when the walk found it. */
export interface FoundFile {
  readonly path: BytePath;
  readonly stats: Stats;
}

/** A large file is read in chunks of this size, in bytes. */
const CHUNK = 512 << 10;

/**
 * Reads a file in chunks. Throws `noInput` with the path if the file cannot be read, or if the file changed after it
 * was found.
 */
export async function* readLarge(entry: FoundFile): AsyncGenerator<Buffer> {
  const file = await open(rawPath(entry.path), OPEN_FLAGS).catch((error: unknown) => {
    throw readFailure(entry, error);
  });
  try {
    if (entry.stats.size === 0) await checkEmpty(entry, file);
    else yield* chunksOf(entry, file);
  } catch (error) {
    throw readFailure(entry, error);
  } finally {
    await file.close();
  }
}

async function* chunksOf(entry: FoundFile, file: FileHandle): AsyncGenerator<Buffer> {
  let left = entry.stats.size;
  // Reads the next chunk while the consumer works on the current chunk.
  const read = () => handled(file.read(Buffer.allocUnsafeSlow(Math.min(left, CHUNK))));
  for (let next = read(); left > 0; ) {
    const { buffer, bytesRead } = await next;
    if (bytesRead === 0) throw changedWhileRead(entry.path);
    left -= bytesRead;
    // Checks the file before the last `yield`, because the consumer may stop after the last chunk. In that case, a
    // later check would not run.
    if (left === 0) checkUnchanged(entry, await file.stat());
    else next = read();
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * Checks that an empty file is really empty. Some kernel files, such as the files in /proc, have content although the
 * system reports the size zero.
 */
async function checkEmpty(entry: FoundFile, file: FileHandle): Promise<void> {
  checkUnchanged(entry, await file.stat());
  if ((await file.read(Buffer.allocUnsafe(1))).bytesRead > 0) throw changedWhileRead(entry.path);
}

/**
 * Marks a promise as handled. An error is still thrown when the promise is awaited. Until then, the error does not
 * count as an unhandled rejection.
 */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function checkUnchanged(entry: FoundFile, now: Stats): void {
  if (!isUnchanged(entry.stats, now)) throw changedWhileRead(entry.path);
}

function readFailure({ path }: FoundFile, error: unknown): ToolError {
  return error instanceof ToolError ? error : cannotRead(shownPath(path), error);
}
