import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { reasonOf, ToolError } from "shared/cli/tool-error";
import { uniqueName } from "shared/fs/unique-name";

/**
 * Makes a file that is seen whole or not at all: written under a temporary name in a folder, synced, and renamed to the
 * path that `write` gives, which is on the same file system. Throws what `write` throws, else `cannotCreate`.
 */
export async function placeFile(folder: string, write: (file: FileHandle) => Promise<string>): Promise<void> {
  const temporary = join(folder, `.oras-push-${uniqueName()}`);
  try {
    const file = await open(temporary, "wx");
    let path: string;
    try {
      path = await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof ToolError || !isSystemError(error)) throw error;
    throw new ToolError("cannotCreate", `cannot write to ${folder}`, { why: reasonOf(error), cause: error });
  }
}

/** Whether an error came from the system, and not from what was written or from an interruption. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
}
