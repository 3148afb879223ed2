import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { aptInstall, findProgram } from "./debian.ts";
import { CACHE, ROOT } from "./paths.ts";

/** A part that tests and the demo use where the machine has it: its path, or why it is not there. */
export type Part = { readonly path: string } | { readonly missing: string };

/** Debian's `docker-registry` (distribution), installed where that is possible. */
export function distributionRegistry(): Part {
  return debianProgram("docker-registry", ["docker-registry"]);
}

/** A program of a Debian package, installed where that is possible. */
export function debianProgram(program: string, packages: readonly string[]): Part {
  try {
    aptInstall(program, packages);
    return { path: findProgram(program) as string };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}

/** The real `oras` command line, built once from the sources that `test/support/clients/go.sum` pins. */
export function orasClient(): Part {
  const path = join(CACHE, "bin", "oras");
  if (existsSync(path)) return { path };
  const go = findProgram("go");
  if (go === undefined) return { missing: "oras: it is built with Go, which is not on this machine" };
  mkdirSync(join(CACHE, "bin"), { recursive: true });
  console.error("building the oras command line");
  const folder = join(ROOT, "test", "support", "clients");
  const env = {
    ...process.env,
    GOPATH: join(CACHE, "go"),
    GOCACHE: join(CACHE, "go-build"),
    GOFLAGS: "-mod=readonly -modcacherw",
  };
  execFileSync(go, ["build", "-trimpath", "-o", path, "oras.land/oras/cmd/oras"], {
    cwd: folder,
    env,
    stdio: ["ignore", 2, 2],
  });
  return { path };
}
