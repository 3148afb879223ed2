import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Returns the path of a program, or undefined if the program is not on PATH. */
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

/** Whether this process can install Debian packages: it must run as root on Debian, and apt-get must exist. */
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

/** Installs Debian packages. Needs root. If apt-get fails, throws an error with the stderr of apt-get. */
export function installPackages(packages: readonly string[]): void {
  console.error(`installing ${packages.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const args = ["install", "-y", "-qq", "--no-install-recommends", ...packages];
  const install = () => spawnSync("apt-get", args, { env, stdio: "pipe" });
  if (install().status === 0) return;
  // On a new machine, the package lists are empty. On other machines, they may be out of date.
  execFileSync("apt-get", ["update", "-qq"], { env, stdio: "pipe" });
  const { status, stderr } = install();
  if (status !== 0) throw new Error(`cannot install ${packages.join(" ")}: ${stderr.toString().trim()}`);
}
