/**
 * Builds the tools for one architecture into a folder. The tools `launcher`, `wait-fs` and `oras-push` are one
 * executable with three names. The subfolder `share` contains the man pages and the shell completion.
 *
 *   pnpm build [--arch x64|arm64] [--out DIR]
 */
import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureProgram } from "../support/debian.ts";
import { ROOT } from "../support/paths.ts";
import { bundleExecutable, bundleTool, TOOLS } from "./build/bundle.ts";
import { EXEC_ARGV, makeCodeCache } from "./build/code-cache.ts";
import { reduceIcuData } from "./build/icu-data.ts";
import { nodeBinary } from "./build/node-binary.ts";
import { sha256 } from "./build/sha256.ts";
import { writeShare } from "./build/share.ts";

/**
 * Maps the architecture of an executable to the program that strips its symbols, and to the Debian package of this
 * program.
 */
const STRIP = {
  x64: { program: process.arch === "x64" ? "strip" : "x86_64-linux-gnu-strip", package: "binutils-x86-64-linux-gnu" },
  arm64: {
    program: process.arch === "arm64" ? "strip" : "aarch64-linux-gnu-strip",
    package: "binutils-aarch64-linux-gnu",
  },
} as const;

/** An architecture, by its name in Node. */
export type Arch = keyof typeof STRIP;

/** Builds the tools for an architecture into a folder. Replaces older executables, even if they are running. */
export async function buildExecutables(arch: Arch, out: string): Promise<void> {
  const work = join(ROOT, ".cache", `build-${arch}`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  mkdirSync(out, { recursive: true });
  await bundleExecutable(join(work, "main.cjs"));
  for (const tool of TOOLS) {
    await bundleTool(tool, join(work, tool));
    if (arch === process.arch) makeCodeCache(tool, work);
  }
  writeNode(arch, join(work, "node"));
  writeFileSync(join(work, "sea.json"), JSON.stringify(seaConfig(arch)));
  execFileSync(process.execPath, ["--build-sea", "sea.json"], { cwd: work, stdio: ["ignore", "ignore", "inherit"] });
  searchBeside(join(work, "executable"));
  for (const tool of TOOLS) {
    rmSync(join(out, tool), { force: true });
    linkSync(join(work, "executable"), join(out, tool));
  }
  writeShare(join(out, "share"));
}

/** The configuration of a single executable (nodejs.org, "Single executable applications"). */
function seaConfig(arch: Arch) {
  // The code caches are made on this machine. Another architecture cannot use them.
  const files = TOOLS.flatMap((tool) => (arch === process.arch ? [tool, `${tool}.cache`] : [tool]));
  return {
    main: "main.cjs",
    executable: "node",
    output: "executable",
    disableExperimentalSEAWarning: true,
    assets: Object.fromEntries(files.map((file) => [file, file])),
    // The tools ignore NODE_OPTIONS, because in a pod, this variable is meant for the application.
    execArgvExtension: "none",
    execArgv: EXEC_ARGV,
  };
}

/** Writes the Node binary of the executable, without symbols and without unused ICU data. */
function writeNode(arch: Arch, file: string): void {
  const binary = readFileSync(nodeBinary(arch));
  reduceIcuData(binary);
  writeFileSync(file, binary);
  chmodSync(file, 0o755);
  strip(arch, file);
}

function strip(arch: Arch, file: string): void {
  const { program, package: name } = STRIP[arch];
  ensureProgram(program, [program === "strip" ? "binutils" : name]);
  execFileSync(program, [file]);
}

/**
 * Makes the loader search for libraries first in the folder `lib` beside the executable. `launcher --install` puts the
 * libraries into this folder. The executable must not load the libraries in LD_LIBRARY_PATH, because they are meant for
 * the application. For this reason, the folder is set as RPATH: the loader reads RPATH before LD_LIBRARY_PATH, but
 * RUNPATH after it.
 */
function searchBeside(executable: string): void {
  ensureProgram("patchelf", ["patchelf"]);
  execFileSync("patchelf", ["--force-rpath", "--set-rpath", "$ORIGIN/lib", executable]);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { arch: { type: "string" }, out: { type: "string" } } });
  const arch = values.arch ?? process.arch;
  if (!Object.hasOwn(STRIP, arch)) {
    console.error(`build: --arch must be ${Object.keys(STRIP).join(" or ")}, not ${arch}`);
    process.exit(64);
  }
  const out = values.out ?? join(ROOT, arch === process.arch ? "dist" : `dist/${arch}`);
  await buildExecutables(arch as Arch, out);
  for (const tool of TOOLS) console.log(`${join(out, tool)} sha256:${sha256(join(out, tool))}`);
}
