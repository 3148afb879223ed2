import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { aptInstall, findProgram } from "./debian.ts";
import { CACHE } from "./paths.ts";

/** Debian's names of the architectures. */
const DEBIAN_ARCH = { x64: "amd64", arm64: "arm64" } as const;

/**
 * Debian's static tini for an architecture. The one for this machine is installed; one for another is fetched from
 * Debian's archive, whose signatures apt checks, and kept. Throws, saying what is missing, where that is not possible.
 */
export function tiniBinary(arch: keyof typeof DEBIAN_ARCH): string {
  if (arch === process.arch) {
    aptInstall("tini-static", ["tini"]);
    return findProgram("tini-static") as string;
  }
  const folder = join(CACHE, `tini-${arch}`);
  if (!existsSync(folder)) fetchTini(DEBIAN_ARCH[arch], folder);
  return join(folder, "usr", "bin", "tini-static");
}

/** With lists of its own, apt leaves the machine's list of architectures as it is. */
function fetchTini(arch: string, folder: string): void {
  if (findProgram("apt-get") === undefined)
    throw new Error(`tini for ${arch} is fetched with apt-get, which is missing`);
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(join(fresh, "lists", "partial"), { recursive: true });
  const settings = {
    "APT::Architecture": arch,
    "APT::Architectures": arch,
    "APT::Sandbox::User": "",
    "Dir::State::Lists": join(fresh, "lists"),
    "Dir::Cache": join(fresh, "cache"),
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const apt = (...args: string[]) =>
    execFileSync("apt-get", ["-qq", ...options, ...args], { cwd: fresh, stdio: ["ignore", "ignore", "inherit"] });
  apt("update");
  apt("download", "tini");
  const archive = readdirSync(fresh).find((name) => name.endsWith(".deb"));
  if (archive === undefined) throw new Error(`apt-get brought no tini for ${arch}`);
  execFileSync("dpkg-deb", ["--extract", archive, "root"], { cwd: fresh });
  renameSync(join(fresh, "root"), folder);
  rmSync(fresh, { recursive: true, force: true });
}
