import { join } from "node:path";
import { ensureProgram, findProgram } from "../../support/debian.ts";
import { type DEBIAN_ARCH, debianRoot } from "../../support/debian-root.ts";

/**
 * Debian's static tini for an architecture: the one for this machine is installed, one for another is fetched. Throws,
 * saying what is missing, where that is not possible.
 */
export function tiniBinary(arch: keyof typeof DEBIAN_ARCH): string {
  if (arch !== process.arch) return join(debianRoot(arch, ["tini"]), "usr", "bin", "tini-static");
  ensureProgram("tini-static", ["tini"]);
  return findProgram("tini-static") as string;
}
