import { accessSync, constants, copyFileSync, ftruncateSync, type Stats } from "node:fs";
import { copyFile, type FileHandle, open } from "node:fs/promises";
import type { ToolError } from "shared/cli/tool-error";
import { type BytePath, rawPath, shownPath } from "shared/fs/byte-path";
import { cannotRead, cannotWrite } from "shared/fs/path-failure";

/**
 * The maximum size of a file that is copied synchronously, in bytes. For a small file, an asynchronous call would take
 * longer than the copy itself.
 */
const SMALL_FILE = 1 << 20;

const BLOCK = 1 << 20;
const ZEROS = Buffer.alloc(BLOCK);

/**
 * The error code for a target that cannot be written. The code is `copyFailed` for a copy of an output, and
 * `cannotCreate` for a copy of an input.
 */
export type WriteFailure = "copyFailed" | "cannotCreate";

/** Copies the content of a regular file to a new file. Keeps holes. Throws the system's error if the copy fails. */
export async function copyContent(source: BytePath, target: BytePath, stats: Stats): Promise<void> {
  if (stats.size <= SMALL_FILE) copyFileSync(rawPath(source), rawPath(target));
  else if (isSparse(stats)) await copySparse(source, target, stats.size);
  else await copyFile(rawPath(source), rawPath(target));
}

/**
 * Returns the failure of a copy. The code is `noInput` if the source cannot be read, and `code` otherwise. The system's
 * error does not show whether the source or the target failed, so this function checks the source.
 */
export function copyFailure(source: BytePath, target: BytePath, code: WriteFailure, cause: unknown): ToolError {
  try {
    accessSync(rawPath(source), constants.R_OK);
  } catch {
    return cannotRead(shownPath(source), cause);
  }
  return cannotWrite(shownPath(target), cause, code);
}

function isSparse(stats: Stats): boolean {
  return stats.blocks * 512 < stats.size;
}

/** Copies block by block, and leaves a hole for each block of zeros. */
async function copySparse(source: BytePath, target: BytePath, size: number): Promise<void> {
  await using input = await open(rawPath(source), "r");
  await using output = await open(rawPath(target), "wx", 0o600);
  const buffer = Buffer.allocUnsafe(BLOCK);
  for (let position = 0; position < size; ) {
    const { bytesRead } = await input.read(buffer, 0, BLOCK, position);
    if (bytesRead === 0) break;
    if (!buffer.subarray(0, bytesRead).equals(ZEROS.subarray(0, bytesRead)))
      await writeAll(output, buffer.subarray(0, bytesRead), position);
    position += bytesRead;
  }
  ftruncateSync(output.fd, size);
}

async function writeAll(file: FileHandle, data: Buffer, position: number): Promise<void> {
  for (let done = 0; done < data.length; )
    done += (await file.write(data, done, data.length - done, position + done)).bytesWritten;
}
