import { type FileHandle, lstat, open, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { uniqueName } from "./unique-name.ts";

/**
 * Creates a file, a link or a socket atomically: readers never see an incomplete file. `create` makes the file at a
 * temporary path. The temporary file has a hidden name in the folder of `path`. Then this function renames the file to
 * `path`. If a file exists at `path`, the new file replaces it. If `create` or the rename fails, this function removes
 * the temporary file and throws the error.
 */
export async function placeAtomically(
  path: string,
  create: (temporary: string) => Promise<void> | void,
): Promise<void> {
  await renameWhenDone(temporaryBeside(path), async (temporary) => {
    await create(temporary);
    return path;
  });
}

/**
 * Writes a result to a path that the user chose. If the path is a regular file or does not exist, the write is atomic.
 * Anything else, such as a device, a FIFO or a link, is opened and written in place, because a rename would replace the
 * device, the FIFO or the link. Throws the system's error if the write fails.
 */
export async function writeResult(path: string, content: Buffer): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined || stats.isFile())
    return placeAtomically(path, (temporary) => writeFile(temporary, content, { flag: "wx" }));
  await writeFile(path, content);
}

/**
 * Writes a file atomically: readers never see an incomplete file. `write` fills a temporary file in `folder`, and
 * returns the final path. The final path must be on the same file system as `folder`. The file is synced before it is
 * renamed. Throws the errors of `write`. Throws the system's error if a system call fails.
 */
export async function writeAtomically(folder: string, write: (file: FileHandle) => Promise<string>): Promise<void> {
  await renameWhenDone(join(folder, `.${uniqueName()}.new`), async (temporary) => {
    await using file = await open(temporary, "wx");
    const path = await write(file);
    await file.sync();
    return path;
  });
}

/** Syncs the entries of a folder, so that a rename in this folder survives a crash of the machine. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r");
  await handle.sync();
}

async function renameWhenDone(temporary: string, create: (temporary: string) => Promise<string>): Promise<void> {
  try {
    await rename(temporary, await create(temporary));
  } catch (error) {
    // Ignores an error of `rm`, so that the caller gets the first error.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${uniqueName()}`);
}
