import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname } from "node:path";

/** The longest path of a Unix socket that the kernel accepts, in bytes (unix(7), `sun_path`). */
const MAX_SOCKET_PATH = 107;

/**
 * Calls `use` with an address of the Unix socket at `path` that the kernel accepts. For a path that is too long, the address
 * leads through the opened folder, and is valid until `use` returns. Throws the system's error if the folder is missing.
 */
export async function withSocketAddress<T>(path: string, use: (address: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return use(path);
  const folder = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await use(`/proc/self/fd/${folder.fd}/${basename(path)}`);
  } finally {
    await folder.close();
  }
}
