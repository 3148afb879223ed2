import { constants, readFileSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ToolError } from "../cli/tool-error.ts";
import { syncFolder, writeAtomically } from "../fs/atomic-file.ts";
import { cannotRead, cannotWrite } from "../fs/path-failure.ts";
import { reasonOf, systemCode } from "../fs/system-error.ts";

/** The maximum size of a marker, in bytes. */
const MAX_MARKER_BYTES = 1 << 20;

/**
 * Writes a marker atomically and makes it durable. Every user may read the marker, whatever the umask. Throws
 * `cannotCreate` with the path.
 */
export async function writeMarker(path: string, content: object): Promise<void> {
  try {
    await writeAtomically(dirname(path), async (file) => {
      await file.writeFile(`${JSON.stringify(content)}\n`);
      await file.chmod(0o644);
      return path;
    });
    await syncFolder(dirname(path));
  } catch (error) {
    throw cannotWrite(`the marker ${path}`, error);
  }
}

/**
 * Reads a marker. Undefined if it does not exist, or if `parse` does not accept its text (yet). Throws `noInput` if it
 * cannot be read, is too long, or is not a regular file.
 *
 * Reads synchronously: a waiting process reads repeatedly and has no other work, and a thread pool would only take
 * memory.
 */
export function readMarker<T>(path: string, parse: (text: string) => T | undefined): T | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    if (!stats.isFile()) throw new Error("it is not a regular file");
    if (stats.size > MAX_MARKER_BYTES) throw new ToolError("noInput", `${path} is too long to be a marker`);
    // O_NONBLOCK prevents blocking, because a FIFO may have replaced the file since the check.
    return parse(readFileSync(path, { encoding: "utf8", flag: constants.O_RDONLY | constants.O_NONBLOCK }));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    if (error instanceof ToolError) throw error;
    throw cannotRead(`the marker ${path}`, error);
  }
}

/** Removes markers, and ignores missing ones. Throws `cannotCreate` with the path. */
export async function removeMarkers(share: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    try {
      await rm(join(share, name), { force: true });
    } catch (error) {
      const why = reasonOf(error);
      throw new ToolError("cannotCreate", `cannot remove the old marker ${join(share, name)}`, { why, cause: error });
    }
  }
}
