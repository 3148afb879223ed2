import { constants, readFileSync, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { reasonOf, systemCode, ToolError } from "../cli/tool-error.ts";
import { temporaryBeside } from "../fs/unique-name.ts";

/** The longest marker that is read, in bytes. */
const MAX_MARKER_BYTES = 1 << 20;

/**
 * Writes a marker so that a reader sees it whole or not at all: under a temporary name in the same folder, synced, then
 * renamed. Everyone may read it, whatever the umask. Throws `cannotCreate`, naming the marker.
 */
export async function writeMarker(path: string, content: object): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    const file = await open(temporary, "wx", 0o644);
    try {
      await file.writeFile(`${JSON.stringify(content)}\n`);
      await file.chmod(0o644);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    // A folder that the marker can't be written to is one that nothing was left in.
    await rm(temporary, { force: true }).catch(() => {});
    throw new ToolError("cannotCreate", `cannot write the marker ${path}`, { why: reasonOf(error), cause: error });
  }
}

/**
 * Reads a marker; undefined while it is not there, or not (yet) what `parse` understands. Throws `noInput` for one that
 * may not be read, is too long to be a marker, or is no regular file.
 *
 * Reads without a round trip through the thread pool: whoever waits reads again and again, and nothing else meanwhile.
 */
export function readMarker<T>(path: string, parse: (text: string) => T | undefined): T | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    if (!stats.isFile()) throw new Error("it is not a regular file");
    if (stats.size > MAX_MARKER_BYTES) throw new ToolError("noInput", `${path} is too long to be a marker`);
    // What has taken its place since is not waited for.
    return parse(readFileSync(path, { encoding: "utf8", flag: constants.O_RDONLY | constants.O_NONBLOCK }));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    if (error instanceof ToolError) throw error;
    throw new ToolError("noInput", `cannot read the marker ${path}`, { why: reasonOf(error), cause: error });
  }
}

/** Removes markers, those that are not there included. Throws `cannotCreate`, naming the marker. */
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

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
