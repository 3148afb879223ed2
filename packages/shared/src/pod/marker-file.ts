import { constants, fchmodSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { ToolError } from "../cli/tool-error.ts";
import { syncFolder, writeAtomically } from "../fs/atomic-file.ts";
import { ifSupported } from "../fs/missing-feature.ts";
import { cannotRead, cannotWrite } from "../fs/path-failure.ts";
import { removeFile } from "../fs/remove-file.ts";
import { reasonOf, systemCode } from "../fs/system-error.ts";

/** The maximum size of a marker, in bytes. */
const MAX_MARKER_BYTES = 1 << 20;

/**
 * Writes a marker atomically and makes it durable. If the file system supports modes, every user may read the marker,
 * regardless of the umask. Throws `cannotCreate` with the path if the marker cannot be written, or is too long for
 * {@link readMarker}.
 */
export async function writeMarker(path: string, content: object): Promise<void> {
  const text = `${JSON.stringify(content)}\n`;
  if (Buffer.byteLength(text) > MAX_MARKER_BYTES)
    throw new ToolError("cannotCreate", `cannot write the marker ${path}`, {
      why: `the marker would be longer than ${MAX_MARKER_BYTES} bytes`,
    });
  try {
    await writeAtomically(dirname(path), async (file) => {
      await file.writeFile(text);
      ifSupported(() => fchmodSync(file.fd, 0o644));
      return path;
    });
    await syncFolder(dirname(path));
  } catch (error) {
    throw cannotWrite(`the marker ${path}`, error);
  }
}

/**
 * Reads a marker. Returns undefined if the marker does not exist, or if `parse` returns undefined for the text. Throws
 * `noInput` if the marker cannot be read, is too long, or is not a regular file.
 *
 * Reads synchronously, because an asynchronous read would need memory for a thread pool. A waiting process has no other
 * work that a synchronous read could delay.
 */
export function readMarker<T>(path: string, parse: (text: string) => T | undefined): T | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    if (!stats.isFile()) throw new Error("it is not a regular file");
    if (stats.size > MAX_MARKER_BYTES) throw new Error(`it is longer than ${MAX_MARKER_BYTES} bytes`);
    // After these checks, another process can replace the file with a FIFO. Without O_NONBLOCK, `readFileSync` would
    // wait until a process opens this FIFO for writing.
    return parse(readFileSync(path, { encoding: "utf8", flag: constants.O_RDONLY | constants.O_NONBLOCK }));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw cannotRead(`the marker ${path}`, error);
  }
}

/** Removes markers, and ignores missing markers. Throws `cannotCreate` with the path if a marker cannot be removed. */
export async function removeMarkers(share: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    try {
      await removeFile(join(share, name));
    } catch (error) {
      const why = reasonOf(error);
      throw new ToolError("cannotCreate", `cannot remove the old marker ${join(share, name)}`, { why, cause: error });
    }
  }
}
