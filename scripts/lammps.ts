import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { EXPERIMENT_IMAGES } from "../support/cluster/images.ts";
import { ensureProgram } from "../support/debian.ts";
import { fetchDebianSource } from "../support/debian-root.ts";
import type { Dependency } from "../support/dependency.ts";
import { imageArchive } from "../support/images/build.ts";
import { lammpsImage, simpleLammpsImage } from "../support/images/plans.ts";
import { CACHE } from "../support/paths.ts";

const FOLDER = join(CACHE, "lammps");

const PROGRAM = join(FOLDER, "lmp");

/** The settings for CMake. */
const SETTINGS = {
  PKG_REAXFF: "on",
  BUILD_MPI: "off",
  // Without this setting, CMake would search for MPI, and an incomplete installation of MPI would make the build fail.
  CMAKE_DISABLE_FIND_PACKAGE_MPI: "on",
  BUILD_OMP: "off",
  BUILD_SHARED_LIBS: "off",
  WITH_JPEG: "off",
  WITH_PNG: "off",
  CMAKE_BUILD_TYPE: "Release",
  CMAKE_EXE_LINKER_FLAGS: "-static",
};

/**
 * LAMMPS with ReaxFF, as one static program. Debian's own LAMMPS does not contain ReaxFF. This dependency is optional,
 * because the build takes minutes. {@link buildLammps} builds it.
 */
export function reaxffLammps(): Dependency {
  if (existsSync(PROGRAM)) return { path: PROGRAM };
  return { missing: "LAMMPS with ReaxFF is not built: run `pnpm pods --lammps` once", optional: true };
}

/**
 * Returns the archive with the LAMMPS image for a cluster. If LAMMPS with ReaxFF is not built, the image contains
 * Debian's LAMMPS and an example with a simpler potential.
 */
export async function lammpsArchive(): Promise<string> {
  const lammps = reaxffLammps();
  const plan = "path" in lammps ? lammpsImage(lammps.path) : simpleLammpsImage();
  return await imageArchive(plan, EXPERIMENT_IMAGES.lammps);
}

/**
 * Builds LAMMPS with ReaxFF from Debian's sources, unless an earlier call has built it. Takes about four minutes on two
 * processors.
 */
export function buildLammps(): void {
  if (existsSync(PROGRAM)) return;
  console.error("building LAMMPS with ReaxFF");
  for (const program of ["cmake", "make", "g++"]) ensureProgram(program, [program]);
  const work = `${FOLDER}.${process.pid}`;
  fetchDebianSource("lammps", work);
  const build = join(work, "build");
  runCmake(join(findSource(work), "cmake"), build);
  mkdirSync(FOLDER, { recursive: true });
  copyFileSync(join(build, "lmp"), `${PROGRAM}.new`);
  renameSync(`${PROGRAM}.new`, PROGRAM);
  rmSync(work, { recursive: true });
}

/** Returns the folder that Debian's source package was extracted to. */
function findSource(work: string): string {
  const source = readdirSync(work, { withFileTypes: true }).find(
    (entry) => /^lammps-/.test(entry.name) && entry.isDirectory(),
  );
  if (source === undefined) throw new Error("Debian's source package of LAMMPS has no folder named lammps-VERSION");
  return join(work, source.name);
}

function runCmake(source: string, build: string): void {
  const cmake = (...args: readonly string[]) => execFileSync("cmake", args, { stdio: ["ignore", "ignore", "inherit"] });
  const definitions = Object.entries(SETTINGS).map(([name, value]) => `-D${name}=${value}`);
  cmake("-S", source, "-B", build, ...definitions);
  cmake("--build", build, "--parallel", `${availableParallelism()}`);
}
