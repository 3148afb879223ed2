import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { uniqueName } from "./unique-name.ts";

/**
 * Creates a file, a link or a socket atomically: readers see it complete or not at all. `create` makes it under a
 * hidden temporary path in the same folder. Then it is renamed to `path`, and replaces an existing file. Removes the
 * temporary path and throws if `create` or the rename fails.
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
 * Writes a file atomically: readers see it complete or not at all. `write` fills a temporary file in `folder`, and
 * returns the final path, which must be on the same file system. The file is synced before it is renamed. Throws the
 * errors of `write`, and the system's error if a call fails.
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
    // If this removal fails, the folder contains no temporary file. Only the first error is reported.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${uniqueName()}`);
}
