import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { canInstall, ensureProgram, installPackages } from "./debian.ts";
import { attempt, type Dependency } from "./dependency.ts";
import { CACHE, PINNED_CLIENTS } from "./paths.ts";

/**
 * Returns the Python of a virtual environment. The file `support/clients/NAME/requirements.txt` pins the versions and
 * the hashes of its packages.
 */
export function pythonPackages(name: string): Dependency {
  const requirements = join(PINNED_CLIENTS, name, "requirements.txt");
  const folder = join(CACHE, name);
  const path = join(folder, "bin", "python");
  // After the installation, this function copies the pinned requirements to this path. If the copy equals the pinned
  // requirements, the environment is complete and up to date.
  const installed = join(folder, "requirements.txt");
  const pinned = readFileSync(requirements);
  if (existsSync(installed) && readFileSync(installed).equals(pinned)) return { path };
  return attempt(name, () => {
    console.error(`installing ${name}`);
    createEnvironment(folder);
    const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"];
    execFileSync(path, [...args, "-r", requirements], { stdio: ["ignore", 2, 2] });
    writeFileSync(installed, pinned);
    return path;
  });
}

/**
 * Creates an empty virtual environment. In Debian, a separate package contains Python's support for virtual
 * environments.
 */
function createEnvironment(folder: string): void {
  ensureProgram("python3", ["python3"]);
  const { status } = spawnSync("python3", ["-c", "import ensurepip"], { stdio: "ignore" });
  if (status !== 0 && canInstall()) installPackages(["python3-venv"]);
  execFileSync("python3", ["-m", "venv", "--clear", folder], { stdio: ["ignore", 2, 2] });
}
