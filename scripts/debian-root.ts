import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "./debian.ts";
import { CACHE } from "./paths.ts";

/** Debian's names of the architectures, which are those of images too. */
export const DEBIAN_ARCH = { x64: "amd64", arm64: "arm64" } as const;

/**
 * A folder with what Debian's packages hold, for an architecture, and all that they depend on: unpacked, not installed,
 * so nothing on this machine changes. It is fetched once, from Debian's archive, whose signatures apt checks, and kept.
 * Throws, saying what is missing, where that is not possible.
 */
export function debianRoot(arch: keyof typeof DEBIAN_ARCH, packages: readonly string[]): string {
  const root = join(CACHE, "debian", `${packages.join("+")}-${arch}`);
  if (!existsSync(root)) fetchRoot(DEBIAN_ARCH[arch], packages, root);
  return root;
}

/** With a state of its own, apt takes nothing for installed and leaves the machine's lists as they are. */
function fetchRoot(arch: string, packages: readonly string[], root: string): void {
  const names = packages.join(" ");
  if (findProgram("apt-get") === undefined)
    throw new Error(`${names} for ${arch}: fetched with apt-get, which is missing`);
  console.error(`fetching ${names} for ${arch}`);
  const fresh = `${root}.${process.pid}`;
  for (const folder of ["lists", "cache/archives"]) mkdirSync(join(fresh, folder, "partial"), { recursive: true });
  writeFileSync(join(fresh, "status"), "");
  const settings = {
    "APT::Architecture": arch,
    "APT::Architectures": arch,
    "APT::Install-Recommends": "false",
    "APT::Sandbox::User": "",
    "Debug::NoLocking": "true",
    "Dir::State::Lists": join(fresh, "lists"),
    "Dir::State::Status": join(fresh, "status"),
    "Dir::Cache": join(fresh, "cache"),
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const apt = (...args: string[]) =>
    execFileSync("apt-get", ["-qq", ...options, ...args], { stdio: ["ignore", "ignore", "inherit"] });
  apt("update");
  apt("install", "--yes", "--download-only", ...packages);
  const archives = join(fresh, "cache", "archives");
  for (const name of readdirSync(archives).filter((file) => file.endsWith(".deb")))
    execFileSync("dpkg-deb", ["--extract", join(archives, name), join(fresh, "root")]);
  renameSync(join(fresh, "root"), root);
  rmSync(fresh, { recursive: true, force: true });
}
