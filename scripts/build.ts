/**
 * Builds `dist/launcher`, `dist/wait-fs` and `dist/oras-push`: one single executable under three names, and
 * `dist/lib/tini`, the init that the launcher calls where it is PID 1.
 *
 *   pnpm build [--arch x64|arm64] [--out DIR]
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type BuildOptions, build } from "esbuild";
import { ensureProgram } from "../support/debian.ts";
import { ROOT } from "../support/paths.ts";
import { nodeBinary } from "./build/node-binary.ts";
import { tiniBinary } from "./build/tini.ts";
import { undiciCore } from "./build/undici-core.ts";
import { yargsCore } from "./build/yargs-core.ts";

const TOOLS = ["launcher", "wait-fs", "oras-push"] as const;

/** The program that takes the symbols out of a binary, by architecture: its name and Debian's package for it. */
const STRIP = {
  x64: { program: process.arch === "x64" ? "strip" : "x86_64-linux-gnu-strip", package: "binutils-x86-64-linux-gnu" },
  arm64: {
    program: process.arch === "arm64" ? "strip" : "aarch64-linux-gnu-strip",
    package: "binutils-aarch64-linux-gnu",
  },
} as const;

/** The flags that Node runs the tools with: a code cache is for the flags of V8 among them that it was made with. */
export const EXEC_ARGV = ["--disable-sigusr1", "--max-semi-space-size=1", "--v8-pool-size=0", "--no-warnings"];

/** An architecture, by Node's name for it. */
export type Arch = keyof typeof STRIP;

/** Builds the executables for an architecture into a folder. */
export async function buildExecutables(arch: Arch, out: string): Promise<void> {
  const work = join(ROOT, ".cache", `build-${arch}`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  mkdirSync(out, { recursive: true });
  await bundle({ entryPoints: [join(ROOT, "scripts", "build", "executable.ts")], outfile: join(work, "main.cjs") });
  for (const tool of TOOLS) {
    const contents = `export { main } from "${tool}/main"; export { runProcess } from "shared/cli/cli";`;
    await bundle({ stdin: { contents, resolveDir: ROOT }, outfile: join(work, tool) });
    if (arch === process.arch) makeCodeCache(tool, work);
  }
  copyFileSync(nodeBinary(arch), join(work, "node"));
  chmodSync(join(work, "node"), 0o755);
  strip(arch, join(work, "node"));
  writeFileSync(join(work, "sea.json"), JSON.stringify(seaConfig(arch)));
  execFileSync(process.execPath, ["--build-sea", "sea.json"], {
    cwd: work,
    stdio: ["ignore", "ignore", "inherit"],
  });
  searchBeside(join(work, "executable"));
  for (const tool of TOOLS) {
    rmSync(join(out, tool), { force: true });
    linkSync(join(work, "executable"), join(out, tool));
  }
  addTini(arch, join(out, "lib"));
}

/** One CommonJS file of the sources and all that they import: what a single executable can hold. */
async function bundle(source: Pick<BuildOptions, "entryPoints" | "stdin" | "outfile">): Promise<void> {
  await build({
    ...source,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node26",
    // A script that is no module can only require, at run time too.
    supported: { "dynamic-import": false },
    minify: true,
    legalComments: "none",
    plugins: [undiciCore, yargsCore],
    // yargs asks for its own address; the tools' own mains must not start by themselves.
    // With `esbuildDetection` undici leaves its experimental parser out, as it does where Node brings it.
    define: { "import.meta.url": "__address", "import.meta.main": "false", esbuildDetection: "true" },
    banner: { js: 'const __address = require("node:url").pathToFileURL(process.execPath).href;' },
    logLevel: "error",
  });
}

/**
 * V8 orders what it puts into a code cache at random, and notes how often garbage was collected: from a fixed seed, and with
 * so much room that it never is, the same sources give the same bytes. Where the order of events made another function run,
 * it is done again: what came twice is what comes.
 */
function makeCodeCache(tool: string, work: string): void {
  const flags = [...EXEC_ARGV, "--random-seed=1", "--min-semi-space-size=256", "--max-semi-space-size=256"];
  const script = join(ROOT, "scripts", "build", "code-cache.ts");
  const cache = join(work, `${tool}.cache`);
  for (const seen = new Set<string>(); ; seen.add(sha256(cache))) {
    // What runs depends on the environment too: there is none.
    execFileSync(process.execPath, [...flags, script, tool, join(work, tool), cache], {
      env: {},
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (seen.has(sha256(cache))) return;
  }
}

function seaConfig(arch: Arch) {
  return {
    main: "main.cjs",
    executable: "node",
    output: "executable",
    disableExperimentalSEAWarning: true,
    // Only the architecture that made a code cache can use it.
    assets: Object.fromEntries(
      TOOLS.flatMap((tool) => (arch === process.arch ? [tool, `${tool}.cache`] : [tool])).map((file) => [file, file]),
    ),
    // NODE_OPTIONS in a pod is meant for the application.
    execArgvExtension: "none",
    execArgv: EXEC_ARGV,
  };
}

function strip(arch: Arch, file: string): void {
  const { program, package: name } = STRIP[arch];
  ensureProgram(program, [program === "strip" ? "binutils" : name]);
  execFileSync(program, [file]);
}

/**
 * Libraries are looked for in `lib` beside the executable first, where `launcher --install` puts them, and then where the
 * system has them. As RPATH, not RUNPATH: an application's LD_LIBRARY_PATH is not meant for its launcher.
 */
function searchBeside(executable: string): void {
  ensureProgram("patchelf", ["patchelf"]);
  execFileSync("patchelf", ["--force-rpath", "--set-rpath", "$ORIGIN/lib", executable]);
}

function addTini(arch: Arch, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "tini");
  // What runs can't be written to, but it can be replaced.
  rmSync(file, { force: true });
  copyFileSync(tiniBinary(arch), file);
  chmodSync(file, 0o755);
}

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { arch: { type: "string" }, out: { type: "string" } } });
  const arch = values.arch ?? process.arch;
  if (!Object.hasOwn(STRIP, arch)) {
    console.error(`build: --arch is one of ${Object.keys(STRIP).join(", ")}, not ${arch}`);
    process.exit(64);
  }
  const out = values.out ?? join(ROOT, arch === process.arch ? "dist" : `dist/${arch}`);
  await buildExecutables(arch as Arch, out);
  for (const tool of TOOLS) console.log(`${join(out, tool)} sha256:${sha256(join(out, tool))}`);
}
