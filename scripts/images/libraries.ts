import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { DEBIAN_ARCH } from "../../support/debian-root.ts";

/** Where Debian keeps libraries, by architecture. */
const FOLDERS = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" } as const;

/** What an executable needs to run, as paths of files whose base names are those that it is looked for by. */
export interface Libraries {
  /** The dynamic loader. */
  readonly loader: string;
  /** The shared libraries, the loader not among them. */
  readonly shared: readonly string[];
}

/**
 * The loader and the shared libraries that an executable needs, and those that these need, from a folder with Debian's
 * packages (see `debianRoot`). Throws where one is not there. patchelf reads the files of any architecture.
 */
export function librariesOf(executable: string, arch: keyof typeof DEBIAN_ARCH, root: string): Libraries {
  const find = (name: string) => {
    const paths = ["lib", "usr/lib"].map((folder) => join(root, folder, FOLDERS[arch], name));
    const path = paths.find(existsSync);
    if (path === undefined) throw new Error(`${name}, which ${executable} needs, is not in ${root}`);
    return path;
  };
  const loader = basename(patchelf("--print-interpreter", executable));
  const needed = new Map<string, string>();
  const pending = [executable];
  for (let next = pending.pop(); next !== undefined; next = pending.pop())
    for (const name of patchelf("--print-needed", next).split("\n").filter(Boolean)) {
      if (name === loader || needed.has(name)) continue;
      needed.set(name, find(name));
      pending.push(find(name));
    }
  return { loader: find(loader), shared: [...needed.values()] };
}

function patchelf(...args: readonly string[]): string {
  return execFileSync("patchelf", args, { encoding: "utf8" }).trim();
}
