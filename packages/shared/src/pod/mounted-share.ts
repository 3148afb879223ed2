import { readFileSync, realpathSync } from "node:fs";
import type { Log } from "../cli/log.ts";
import { DEFAULT_SHARE } from "./markers.ts";

/**
 * Warns if the default folder of the shared volume is on the root file system. The other containers of the pod cannot
 * see a folder on this file system. Does not check a folder that the user chose.
 */
export function warnIfNotMounted(share: string, warn: Log): void {
  if (share !== DEFAULT_SHARE || !isOnRoot(realPath(share), mounts())) return;
  warn(
    `no volume is mounted at ${share}: other containers cannot see this folder; mount the volume there, or set --share`,
  );
}

/**
 * Whether a path is on the root file system. `mountinfo` is the text of `/proc/self/mountinfo` (proc(5)). Returns false
 * for an empty text. This function is pure.
 */
export function isOnRoot(path: string, mountinfo: string): boolean {
  const points = mountinfo.split("\n").flatMap((line) => line.split(" ")[4] ?? []);
  return points.length > 0 && !points.some((point) => point !== "/" && `${path}/`.startsWith(`${point}/`));
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function mounts(): string {
  try {
    return readFileSync("/proc/self/mountinfo", "latin1");
  } catch {
    return "";
  }
}
