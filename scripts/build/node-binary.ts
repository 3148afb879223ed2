import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { CACHE, ROOT } from "../../support/paths.ts";

/**
 * Returns the path of the Node binary that the lockfile pins for an architecture. The binary for this machine is an
 * installed dependency. For another architecture, this function fetches the package from the package registry, and
 * keeps it for later calls. Throws if the digest of a fetched package differs from the digest in the lockfile.
 */
export function nodeBinary(arch: "x64" | "arm64"): string {
  const name = `node-linux-${arch}` as const;
  if (arch === process.arch) return createRequire(import.meta.url).resolve(`${name}/bin/node`);
  const version = manifest.optionalDependencies[name];
  const folder = join(CACHE, `${name}-${version}`);
  const binary = join(folder, "package", "bin", "node");
  if (!existsSync(binary)) fetchPackage(name, version, folder);
  return binary;
}

function fetchPackage(name: string, version: string, folder: string): void {
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  execFileSync("npm", ["pack", "--silent", `${name}@${version}`], {
    cwd: fresh,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const archive = join(fresh, `${name}-${version}.tgz`);
  const integrity = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (integrity !== lockedIntegrity(name, version))
    throw new Error(
      `${name}@${version}: expected ${lockedIntegrity(name, version)}, as in the lockfile, found ${integrity}`,
    );
  execFileSync("tar", ["-xzf", archive, "-C", fresh, "package/bin/node"]);
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
}

function lockedIntegrity(name: string, version: string): string | undefined {
  const lockfile = readFileSync(join(ROOT, "pnpm-lock.yaml"), "utf8");
  const entry = lockfile.slice(lockfile.indexOf(`\n  ${name}@${version}:\n`));
  return /integrity: (sha512-[A-Za-z0-9+/=]+)/.exec(entry)?.[1];
}
