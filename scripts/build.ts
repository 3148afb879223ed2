/**
 * Builds `dist/launcher`, `dist/wait-fs` and `dist/oras-push`: one single executable under three names.
 *
 *   pnpm build [--arch x64|arm64] [--out DIR]
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { aptInstall } from "./debian.ts";
import { nodeBinary } from "./node-binary.ts";
import { ROOT } from "./paths.ts";

const TOOLS = ["launcher", "wait-fs", "oras-push"] as const;

/** The program that takes the symbols out of a binary, by architecture: its name and Debian's package for it. */
const STRIP = {
  x64: { program: process.arch === "x64" ? "strip" : "x86_64-linux-gnu-strip", package: "binutils-x86-64-linux-gnu" },
  arm64: {
    program: process.arch === "arm64" ? "strip" : "aarch64-linux-gnu-strip",
    package: "binutils-aarch64-linux-gnu",
  },
} as const;

/** An architecture, by Node's name for it. */
export type Arch = keyof typeof STRIP;

/** Builds the executables for an architecture into a folder. */
export async function buildExecutables(arch: Arch, out: string): Promise<void> {
  const work = join(ROOT, ".cache", `build-${arch}`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  mkdirSync(out, { recursive: true });
  await bundle(join(work, "main.cjs"));
  copyFileSync(nodeBinary(arch), join(work, "node"));
  chmodSync(join(work, "node"), 0o755);
  strip(arch, join(work, "node"));
  writeFileSync(join(work, "sea.json"), JSON.stringify(seaConfig(arch)));
  // V8 orders what it puts into the code cache at random: from a fixed seed the same sources give the same bytes.
  execFileSync(process.execPath, ["--random-seed=1", "--build-sea", "sea.json"], {
    cwd: work,
    stdio: ["ignore", "ignore", "inherit"],
  });
  for (const tool of TOOLS) {
    rmSync(join(out, tool), { force: true });
    linkSync(join(work, "executable"), join(out, tool));
  }
}

/** One CommonJS file of the sources and all that they import: what a single executable can hold. */
async function bundle(outfile: string): Promise<void> {
  await build({
    entryPoints: [join(ROOT, "scripts", "executable.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node26",
    minify: true,
    keepNames: true,
    legalComments: "none",
    // yargs asks for its own address; the tools' own mains must not start by themselves.
    define: { "import.meta.url": "__address", "import.meta.main": "false" },
    banner: { js: 'const __address = require("node:url").pathToFileURL(process.execPath).href;' },
    logLevel: "error",
  });
}

function seaConfig(arch: Arch) {
  return {
    main: "main.cjs",
    executable: "node",
    output: "executable",
    disableExperimentalSEAWarning: true,
    // Only the architecture that made a code cache can use it.
    useCodeCache: arch === process.arch,
    // NODE_OPTIONS in a pod is meant for the application.
    execArgvExtension: "none",
    execArgv: ["--disable-sigusr1", "--max-semi-space-size=1", "--v8-pool-size=0", "--no-warnings"],
  };
}

function strip(arch: Arch, file: string): void {
  const { program, package: name } = STRIP[arch];
  aptInstall(program, [program === "strip" ? "binutils" : name]);
  execFileSync(program, [file]);
}

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { arch: { type: "string" }, out: { type: "string" } } });
  const arch = values.arch ?? process.arch;
  if (!Object.hasOwn(STRIP, arch)) throw new Error(`--arch is one of ${Object.keys(STRIP).join(", ")}, not ${arch}`);
  const out = values.out ?? join(ROOT, arch === process.arch ? "dist" : `dist/${arch}`);
  await buildExecutables(arch as Arch, out);
  for (const tool of TOOLS) console.log(`${join(out, tool)} sha256:${sha256(join(out, tool))}`);
}
