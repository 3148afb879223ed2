import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aptInstall, findProgram } from "./debian.ts";
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

/** The source of a package of Debian, with Debian's changes, unpacked to a folder. Throws where it can't be had. */
export function debianSource(name: string, folder: string): void {
  const apt = ownApt(DEBIAN_ARCH[process.arch as keyof typeof DEBIAN_ARCH], folder);
  aptInstall("dpkg-source", ["dpkg-dev"]);
  // The places that packages come from have their sources too.
  const format = "deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)";
  const places = execFileSync("apt-get", [
    "indextargets",
    "--format",
    format,
    "Created-By: Packages",
    "Origin: Debian",
  ]);
  writeFileSync(join(folder, "sources.list"), places);
  const options = ["-o", `Dir::Etc::SourceList=${join(folder, "sources.list")}`, "-o", "Dir::Etc::SourceParts=-"];
  apt(...options, "update");
  apt(...options, "source", name);
}

function fetchRoot(arch: string, packages: readonly string[], root: string): void {
  console.error(`fetching ${packages.join(" ")} for ${arch}`);
  const fresh = `${root}.${process.pid}`;
  const apt = ownApt(arch, fresh);
  apt("update");
  apt("install", "--yes", "--download-only", ...packages);
  const archives = join(fresh, "cache", "archives");
  for (const name of readdirSync(archives).filter((file) => file.endsWith(".deb")))
    execFileSync("dpkg-deb", ["--extract", join(archives, name), join(fresh, "root")]);
  renameSync(join(fresh, "root"), root);
  rmSync(fresh, { recursive: true, force: true });
}

/** An apt-get with a state of its own: it takes nothing for installed and leaves the machine's lists as they are. */
function ownApt(arch: string, folder: string): (...args: readonly string[]) => void {
  if (findProgram("apt-get") === undefined)
    throw new Error("Debian's packages are fetched with apt-get, which is missing");
  for (const name of ["lists", "cache/archives"]) mkdirSync(join(folder, name, "partial"), { recursive: true });
  writeFileSync(join(folder, "status"), "");
  const settings = {
    "APT::Architecture": arch,
    "APT::Architectures": arch,
    "APT::Install-Recommends": "false",
    "APT::Sandbox::User": "",
    "Debug::NoLocking": "true",
    "Dir::State::Lists": join(folder, "lists"),
    "Dir::State::Status": join(folder, "status"),
    "Dir::Cache": join(folder, "cache"),
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return (...args) =>
    void execFileSync("apt-get", ["-qq", ...options, ...args], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
}
