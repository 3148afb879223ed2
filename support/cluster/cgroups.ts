import { readdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const ROOT = "/sys/fs/cgroup";

/** A hierarchy of cgroups. Version 1 of cgroups has several hierarchies. Version 2 has only one hierarchy. */
export interface Hierarchy {
  /** Its mount point. */
  readonly path: string;
  /** The arguments of `mount`: type and options. */
  readonly mount: readonly string[];
}

/**
 * Returns the hierarchies that this machine uses. If the machine uses version 1 and version 2 of cgroups at the same
 * time, returns only the hierarchies of version 1.
 */
export function cgroupHierarchies(): Hierarchy[] {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" ") as [source: string, path: string, type: string, options: string]);
  const v1 = mounts.filter(([, path, type]) => type === "cgroup" && path.startsWith(`${ROOT}/`));
  if (v1.length === 0) return [{ path: ROOT, mount: ["-t", "cgroup2"] }];
  return v1.map(([, path, , options]) => {
    const name = options.split(",").find((option) => option.startsWith("name="));
    return { path, mount: ["-t", "cgroup", "-o", name === undefined ? basename(path) : `none,${name}`] };
  });
}

/**
 * Removes a cgroup and all cgroups in it, from all hierarchies. The processes in these cgroups must already be ending.
 * Throws if a process is still running after ten seconds.
 */
export async function removeCgroup(name: string): Promise<void> {
  for (const { path } of cgroupHierarchies()) {
    const folder = join(path, name);
    for (let attempt = 0; isFolder(folder); attempt++) {
      try {
        removeFolders(folder);
      } catch (error) {
        if (attempt === 100) throw error;
        await sleep(100);
      }
    }
  }
}

/**
 * Removes a folder and its subfolders. Does not remove files: the files of a cgroup disappear together with its folder.
 */
function removeFolders(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeFolders(join(folder, entry.name));
  rmdirSync(folder);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
