import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname } from "node:path";

/** The maximum length of the path of a Unix socket, in bytes (unix(7), `sun_path`). */
const MAX_SOCKET_PATH = 107;

/**
 * Calls `use` with an address that the kernel accepts for the Unix socket at `path`. If the path is too long, the
 * address contains a file descriptor of the socket's folder. This address is valid only until `use` has finished.
 * Throws the system's error if the folder is missing.
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
