import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { ToolError } from "shared/cli/tool-error";
import { type BytePath, rawPath, shownPath } from "shared/fs/byte-path";
import { cannotRead, readingRaw } from "shared/fs/path-failure";
import { changedWhileRead } from "./changed-file.ts";

/** A regular file and its state when it was found. */
export interface FoundFile {
  readonly path: BytePath;
  readonly stats: Stats;
}

/** Size of the chunks of a large file, in bytes. */
const CHUNK = 512 << 10;

/** If the file became a link or a FIFO after it was found, opening it neither follows the link nor blocks. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads a small file synchronously, because an asynchronous call takes longer than the read. Throws `noInput` with the
 * path if the file cannot be read or changed after it was found.
 */
export function readSmall(entry: FoundFile): Buffer {
  const file = readingRaw(entry.path, (raw) => openSync(raw, FLAGS));
  try {
    const content = readWhole(entry, file);
    checkUnchanged(entry, fstatSync(file));
    return content;
  } catch (error) {
    throw readFailure(entry, error);
  } finally {
    closeSync(file);
  }
}

/** Reads a file in chunks. Throws as {@link readSmall} does. */
export async function* readLarge(entry: FoundFile): AsyncGenerator<Buffer> {
  const file = await open(rawPath(entry.path), FLAGS).catch((error: unknown) => {
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

function readWhole(entry: FoundFile, file: number): Buffer {
  const content = Buffer.allocUnsafe(entry.stats.size);
  for (let filled = 0; filled < content.length; ) {
    const count = readSync(file, content, filled, content.length - filled, null);
    if (count === 0) throw changedWhileRead(entry.path);
    filled += count;
  }
  return content;
}

async function* chunksOf(entry: FoundFile, file: FileHandle): AsyncGenerator<Buffer> {
  let left = entry.stats.size;
  // Reads the next chunk while the consumer works on the current one.
  const read = () => handled(file.read(Buffer.allocUnsafeSlow(Math.min(left, CHUNK))));
  for (let next = read(); left > 0; ) {
    const { buffer, bytesRead } = await next;
    if (bytesRead === 0) throw changedWhileRead(entry.path);
    left -= bytesRead;
    // The check comes before the last chunk: a consumer that has all expected bytes may stop there.
    if (left === 0) checkUnchanged(entry, await file.stat());
    else next = read();
    yield buffer.subarray(0, bytesRead);
  }
}

/** Checks an empty file. Files of the kernel, as in /proc, report the size zero but have content. */
async function checkEmpty(entry: FoundFile, file: FileHandle): Promise<void> {
  checkUnchanged(entry, await file.stat());
  if ((await file.read(Buffer.allocUnsafe(1))).bytesRead > 0) throw changedWhileRead(entry.path);
}

/**
 * Marks a promise as handled: its error is thrown when the promise is awaited, and does not count as an unhandled
 * rejection before that.
 */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function checkUnchanged(entry: FoundFile, now: Stats): void {
  const { ino, size, mtimeMs } = entry.stats;
  if (now.ino !== ino || now.size !== size || now.mtimeMs !== mtimeMs) throw changedWhileRead(entry.path);
}

function readFailure({ path }: FoundFile, error: unknown): ToolError {
  return error instanceof ToolError ? error : cannotRead(shownPath(path), error);
}
