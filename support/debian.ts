import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Where a program is on PATH; undefined where it is not. */
export function findProgram(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** Whether packages of Debian can be installed here. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && findProgram("apt-get") !== undefined && existsSync("/etc/debian_version");
}

/**
 * Sees to it that a program is there: where it is missing, its packages are installed, as root on Debian. Throws, saying
 * what to install, where that is not possible.
 */
export function aptInstall(program: string, packages: readonly string[]): void {
  if (findProgram(program) !== undefined) return;
  if (!canInstall()) throw new Error(`${program} is missing: install ${packages.join(" ")} (Debian's names)`);
  aptInstallPackages(packages);
  if (findProgram(program) === undefined) throw new Error(`${packages.join(" ")} brought no ${program}`);
}

/** Installs packages, as root on Debian. Throws with what apt-get said where it can't. */
export function aptInstallPackages(packages: readonly string[]): void {
  console.error(`installing ${packages.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = () =>
    spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], { env, stdio: "pipe" });
  // The lists of a fresh machine are empty, those of an old one out of date.
  if (install().status !== 0) {
    execFileSync("apt-get", ["update", "-qq"], { env, stdio: "pipe" });
    const { status, stderr } = install();
    if (status !== 0) throw new Error(`apt-get could not install ${packages.join(" ")}: ${stderr.toString().trim()}`);
  }
}
