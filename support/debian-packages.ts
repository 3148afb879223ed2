import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { controlFolder, type DEBIAN_ARCH } from "./debian-root.ts";

/** A Debian package in a folder that `debianRoot` returned. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** The paths of the package's regular files, relative to the folder. */
  readonly files: readonly string[];
}

/** Lists the packages in `debianRoot(arch, packages)`, sorted by name. Throws if a download fails. */
export function debianPackages(arch: keyof typeof DEBIAN_ARCH, packages: readonly string[]): DebianPackage[] {
  const folder = controlFolder(arch, packages);
  return readdirSync(folder)
    .sort()
    .map((name) => readPackage(join(folder, name)));
}

/** Reads the control files of a package (Debian policy, section 5.3; deb-md5sums(5)). */
function readPackage(folder: string): DebianPackage {
  const control = readFileSync(join(folder, "control"), "utf8");
  const sums = readFileSync(join(folder, "md5sums"), "utf8");
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(control)?.[1] ?? "";
  // Each line consists of a checksum of 32 hexadecimal digits, two spaces and a path.
  const files = sums.trimEnd().split("\n");
  return { name: field("Package"), version: field("Version"), files: files.map((line) => line.slice(34)) };
}
