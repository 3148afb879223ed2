import { lstatSync, readdirSync, statSync } from "node:fs";
import { toBytePath } from "shared/fs/byte-path";
import { readingRaw } from "shared/fs/path-failure";

/** The size of a file or a folder. */
export interface TreeSize {
  /** Number of regular files; a file with several hard links counts once for each link. */
  files: number;
  /** Sum of their sizes. */
  bytes: number;
}

/** Counts the files of a file or a folder. Follows a symbolic link only at the top. Throws `noInput` with the path. */
export function measureTree(path: string): TreeSize {
  const size: TreeSize = { files: 0, bytes: 0 };
  const pending = [{ path: toBytePath(path), top: true }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path: current, top } = next;
    const stats = readingRaw(current, (raw) => (top ? statSync(raw) : lstatSync(raw)));
    if (stats.isFile()) {
      size.files++;
      size.bytes += stats.size;
    } else if (stats.isDirectory()) {
      const names = readingRaw(current, (raw) => readdirSync(raw, { encoding: "latin1" }));
      for (const name of names) pending.push({ path: `${current}/${name}`, top: false });
    }
  }
  return size;
}
