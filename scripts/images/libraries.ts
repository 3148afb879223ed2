import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { DEBIAN_ARCH } from "../../support/debian-root.ts";

/** Debian's library folders, by architecture. */
const FOLDERS = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" } as const;

/** The paths of the libraries that an executable needs. The loader searches for the base names of these paths. */
export interface Libraries {
  /** The dynamic loader. */
  readonly loader: string;
  /** The shared libraries without the loader. */
  readonly shared: readonly string[];
}

/**
 * Finds the loader and all shared libraries of an executable, including the libraries that other libraries need.
 * Searches in `root`, a folder with files of Debian packages (see `debianRoot`). Throws if a library is missing. The
 * executable can have any architecture, because this function does not run the executable.
 */
export function findLibraries(executable: string, arch: keyof typeof DEBIAN_ARCH, root: string): Libraries {
  const find = (name: string) => {
    const paths = ["lib", "usr/lib"].map((folder) => join(root, folder, FOLDERS[arch], name));
    const path = paths.find(existsSync);
    if (path === undefined) throw new Error(`${executable} needs ${name}, which is not in ${root}`);
    return path;
  };
  const loader = basename(patchelf("--print-interpreter", executable));
  const needed = new Map<string, string>();
  const pending = [executable];
  for (let next = pending.pop(); next !== undefined; next = pending.pop())
    for (const name of neededNames(next)) {
      if (name === loader || needed.has(name)) continue;
      needed.set(name, find(name));
      pending.push(find(name));
    }
  return { loader: find(loader), shared: [...needed.values()] };
}

function neededNames(file: string): string[] {
  return patchelf("--print-needed", file).split("\n").filter(Boolean);
}

function patchelf(...args: readonly string[]): string {
  return execFileSync("patchelf", args, { encoding: "utf8" }).trim();
}
