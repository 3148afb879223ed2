import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { uniqueName } from "./unique-name.ts";

/**
 * Creates a file, a link or a socket so that readers see it whole or not at all: `create` makes it under a hidden temporary
 * path in the same folder, then it is renamed to `path` and replaces an older one. Removes the temporary path and throws if
 * `create` or the rename fails.
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
 * Writes a file so that readers see it whole or not at all. `write` fills a temporary file in `folder`, and returns the final
 * path, which must be on the same file system. The file is synced before it is renamed. Throws what `write` throws, and the
 * system's error if a call fails.
 */
export async function writeAtomically(folder: string, write: (file: FileHandle) => Promise<string>): Promise<void> {
  await renameWhenDone(join(folder, `.${uniqueName()}.new`), async (temporary) => {
    await using file = await open(temporary, "wx");
    const path = await write(file);
    await file.sync();
    return path;
  });
}

/** Makes the entries of a folder durable: a rename in it survives a crash of the machine. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r");
  await handle.sync();
}

async function renameWhenDone(temporary: string, create: (temporary: string) => Promise<string>): Promise<void> {
  try {
    await rename(temporary, await create(temporary));
  } catch (error) {
    // A folder that refuses this removal holds no temporary file either; the first error is the one to report.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${uniqueName()}`);
}
