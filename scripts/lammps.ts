import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { ensureProgram } from "../support/debian.ts";
import { debianSource } from "../support/debian-root.ts";
import type { Part } from "../support/parts.ts";
import { CACHE } from "../support/paths.ts";

const FOLDER = join(CACHE, "lammps");

/** Why LAMMPS with ReaxFF is not there: it takes minutes to build, so that is done when it is asked for. */
const NO_REAXFF = "LAMMPS with ReaxFF is not built: pnpm pods --lammps does that once";

/** LAMMPS with ReaxFF, which Debian's own lacks: one static program, kept once it is built. */
export function reaxffLammps(): Part {
  const path = join(FOLDER, "lmp");
  return existsSync(path) ? { path } : { missing: NO_REAXFF, unavoidable: true };
}

/** Builds LAMMPS with ReaxFF from Debian's sources, where that is not done: some four minutes on two processors. */
export function buildLammps(): void {
  if (existsSync(join(FOLDER, "lmp"))) return;
  console.error("building LAMMPS with ReaxFF");
  for (const [program, name] of [
    ["cmake", "cmake"],
    ["make", "make"],
    ["g++", "g++"],
  ] as const)
    ensureProgram(program, [name]);
  const work = `${FOLDER}.${process.pid}`;
  debianSource("lammps", work);
  const source = readdirSync(work, { withFileTypes: true }).find(
    (entry) => /^lammps-/.test(entry.name) && entry.isDirectory(),
  );
  if (source === undefined) throw new Error("Debian's sources of LAMMPS have another form than before");
  const features = {
    PKG_REAXFF: "on",
    BUILD_MPI: "off",
    // It is looked for all the same, and half an installation of it ends the build.
    CMAKE_DISABLE_FIND_PACKAGE_MPI: "on",
    BUILD_OMP: "off",
    BUILD_SHARED_LIBS: "off",
    WITH_JPEG: "off",
    WITH_PNG: "off",
  };
  const settings = { ...features, CMAKE_BUILD_TYPE: "Release", CMAKE_EXE_LINKER_FLAGS: "-static" };
  const build = join(work, "build");
  const cmake = (...args: readonly string[]) => execFileSync("cmake", args, { stdio: ["ignore", "ignore", "inherit"] });
  cmake(
    "-S",
    join(work, source.name, "cmake"),
    "-B",
    build,
    ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`),
  );
  cmake("--build", build, "--parallel", `${availableParallelism()}`);
  mkdirSync(FOLDER, { recursive: true });
  copyFileSync(join(build, "lmp"), join(FOLDER, "lmp.new"));
  renameSync(join(FOLDER, "lmp.new"), join(FOLDER, "lmp"));
  rmSync(work, { recursive: true });
}
