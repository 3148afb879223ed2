import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureProgram, findProgram } from "./debian.ts";
import { CACHE } from "./paths.ts";

/** Maps Node's name of each architecture to Debian's name. Container images use Debian's names too. */
export const DEBIAN_ARCH = { x64: "amd64", arm64: "arm64" } as const;

type Apt = (...args: readonly string[]) => void;

/**
 * Returns a folder with the files of Debian packages and of all their dependencies, for one architecture. The packages
 * are extracted but not installed, so the machine does not change. The first call downloads the packages from Debian's
 * archive, and apt checks their signatures. Later calls reuse the folder. Throws if the download fails.
 */
export function debianRoot(arch: keyof typeof DEBIAN_ARCH, packages: readonly string[]): string {
  const root = rootFolder(arch, packages);
  if (!existsSync(root)) fetchRoot(DEBIAN_ARCH[arch], packages, root);
  return root;
}

/**
 * Returns a folder with the control files of the packages in `debianRoot(arch, packages)`. Each package has its own
 * subfolder. Throws if a download fails.
 */
export function controlFolder(arch: keyof typeof DEBIAN_ARCH, packages: readonly string[]): string {
  const root = rootFolder(arch, packages);
  const control = `${root}.control`;
  // Fetches both folders even if only one is missing. So the packages and the control files have the same versions.
  if (!existsSync(root) || !existsSync(control)) fetchRoot(DEBIAN_ARCH[arch], packages, root);
  return control;
}

function rootFolder(arch: keyof typeof DEBIAN_ARCH, packages: readonly string[]): string {
  return join(CACHE, "debian", `${packages.join("+")}-${arch}`);
}

/**
 * Downloads the source of a Debian package with Debian's patches, and extracts the source to a folder. Throws if the
 * download fails.
 */
export function fetchDebianSource(name: string, folder: string): void {
  const apt = isolatedApt(DEBIAN_ARCH[process.arch as keyof typeof DEBIAN_ARCH], folder);
  ensureProgram("dpkg-source", ["dpkg-dev"]);
  const list = join(folder, "sources.list");
  writeFileSync(list, sourceRepositories());
  const options = ["-o", `Dir::Etc::SourceList=${list}`, "-o", "Dir::Etc::SourceParts=-"];
  apt(...options, "update");
  apt(...options, "source", name);
}

/** The source repositories that belong to the package repositories of this machine, in the format of `sources.list`. */
function sourceRepositories(): Buffer {
  const format = "deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)";
  return execFileSync("apt-get", ["indextargets", "--format", format, "Created-By: Packages", "Origin: Debian"]);
}

function fetchRoot(arch: string, packages: readonly string[], root: string): void {
  console.error(`fetching ${packages.join(" ")} for ${arch}`);
  const temporary = `${root}.${process.pid}`;
  const apt = isolatedApt(arch, temporary);
  apt("update");
  apt("install", "--yes", "--download-only", ...packages);
  const archives = join(temporary, "cache", "archives");
  mkdirSync(join(temporary, "control"));
  for (const name of readdirSync(archives).filter((file) => file.endsWith(".deb"))) {
    execFileSync("dpkg-deb", ["--extract", join(archives, name), join(temporary, "root")]);
    execFileSync("dpkg-deb", ["--control", join(archives, name), join(temporary, "control", name)]);
  }
  for (const [folder, target] of [
    ["control", `${root}.control`],
    ["root", root],
  ] as const) {
    rmSync(target, { recursive: true, force: true });
    renameSync(join(temporary, folder), target);
  }
  rmSync(temporary, { recursive: true, force: true });
}

/**
 * Returns a function that runs apt-get with its own state in a folder. This apt-get treats no package as installed, and
 * does not change the package lists of the machine.
 */
function isolatedApt(arch: string, folder: string): Apt {
  if (findProgram("apt-get") === undefined) throw new Error("cannot fetch Debian packages: apt-get is not installed");
  for (const name of ["lists", "cache/archives"]) mkdirSync(join(folder, name, "partial"), { recursive: true });
  writeFileSync(join(folder, "status"), "");
  const options = Object.entries(aptSettings(arch, folder)).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return (...args) =>
    void execFileSync("apt-get", ["-qq", ...options, ...args], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
}

function aptSettings(arch: string, folder: string): Readonly<Record<string, string>> {
  return {
    "APT::Architecture": arch,
    "APT::Architectures": arch,
    "APT::Install-Recommends": "false",
    "APT::Sandbox::User": "",
    "Debug::NoLocking": "true",
    "Dir::State::Lists": join(folder, "lists"),
    "Dir::State::Status": join(folder, "status"),
    "Dir::Cache": join(folder, "cache"),
  };
}
