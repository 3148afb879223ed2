import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Returns the path of a program on PATH, or undefined if there is none. */
export function findProgram(name: string): string | undefined {
  const paths = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name));
  return paths.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether this process can install Debian packages. This is true if it runs as root on Debian, and apt-get exists. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && findProgram("apt-get") !== undefined && existsSync("/etc/debian_version");
}

/**
 * Installs the Debian packages of a program if the program is not on PATH. If this process cannot install packages,
 * throws an error that names the packages.
 */
export function ensureProgram(program: string, packages: readonly string[]): void {
  if (findProgram(program) !== undefined) return;
  const names = packages.join(" ");
  if (!canInstall()) throw new Error(`${program} not found: install the Debian packages: ${names}`);
  installPackages(packages);
  if (findProgram(program) === undefined) throw new Error(`${program} not found after installing ${names}`);
}

/** Installs Debian packages. Needs root. If apt-get fails, throws an error with its stderr. */
export function installPackages(packages: readonly string[]): void {
  console.error(`installing ${packages.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const args = ["install", "-y", "-qq", "--no-install-recommends", ...packages];
  const install = () => spawnSync("apt-get", args, { env, stdio: "pipe" });
  if (install().status === 0) return;
  // The package lists are empty on a fresh machine, and may be out of date on an old one.
  execFileSync("apt-get", ["update", "-qq"], { env, stdio: "pipe" });
  const { status, stderr } = install();
  if (status !== 0) throw new Error(`cannot install ${packages.join(" ")}: ${stderr.toString().trim()}`);
}
