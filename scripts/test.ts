/**
 * Checks the types, builds the executables, installs the dependencies of the tests, runs the tests and checks the
 * style.
 *
 *   pnpm test [FILE ...]
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import {
  containerRegistry,
  debianProgram,
  distribution3Registry,
  distributionRegistry,
  jobSetDefinition,
  kubernetesPython,
  olderOrasClient,
  orasClient,
  orasPython,
  ZOT,
} from "../support/dependencies.ts";
import type { Dependency } from "../support/dependency.ts";
import { DIST, ROOT } from "../support/paths.ts";
import { podmanProgram } from "../support/podman.ts";
import { buildExecutables } from "./build.ts";
import { TOOLS_ARCHIVE, writeImageArchive } from "./images.ts";
import { reaxffLammps } from "./lammps.ts";

const only = process.argv.slice(2);
const bin = (name: string) => join(ROOT, "node_modules", ".bin", name);

const types = run(bin("tsc"), ["-p", "."]);
if (types !== 0) process.exit(types);
await buildExecutables(process.arch as "x64" | "arm64", DIST);
const files = only.length > 0 ? only : globSync("test/**/*.test.ts", { cwd: ROOT }).sort();

const dependencies: Record<string, Dependency> = {
  "docker-registry": distributionRegistry(),
  "distribution-3": distribution3Registry(),
  "go-containerregistry": containerRegistry(),
  zot: ZOT,
  openssl: debianProgram("openssl", ["openssl"]),
  htpasswd: debianProgram("htpasswd", ["apache2-utils"]),
  oras: orasClient(),
  "oras-1.2": olderOrasClient("1.2"),
  "oras-1.1": olderOrasClient("1.1"),
  "oras-py": orasPython(),
  kubernetes: kubernetesPython(),
  jobset: jobSetDefinition(),
  skopeo: debianProgram("skopeo", ["skopeo"]),
  busybox: debianProgram("busybox", ["busybox-static"]),
  groff: debianProgram("groff", ["groff"]),
  mandoc: debianProgram("mandoc", ["mandoc"]),
  fish: debianProgram("fish", ["fish"]),
  zsh: debianProgram("zsh", ["zsh"]),
  chromium: debianProgram("chromium", ["chromium"]),
  podman: podmanProgram(),
  reaxff: reaxffLammps(),
  strace: debianProgram("strace", ["strace"]),
  "qemu-aarch64-static": debianProgram("qemu-aarch64-static", ["qemu-user-static"]),
};
if (files.some((file) => /(^|\/)test\/(images|pods)\//.test(file))) dependencies.image = await toolsImage();
const missing = Object.values(dependencies).filter((dependency) => "missing" in dependency);
// Without --test-force-exit, a process or timer that a failed test leaves behind keeps the whole run from ending.
const options = ["--test-reporter=spec", "--test-timeout=300000", "--test-force-exit"];
const tests = run(process.execPath, ["--test", ...options, ...files]);

for (const dependency of missing) console.log(`not tested: ${dependency.missing}`);
const colors = process.stdout.isTTY ? "force" : "off";
const style = run(bin("biome"), ["ci", "--error-on-warnings", `--colors=${colors}`, "."]);
if (style !== 0) console.error("style check failed: `pnpm fix` corrects most of it");
// In CI, a run that could not test everything fails, unless only optional dependencies are missing.
const isIncomplete = process.env.CI === "true" && missing.some(({ optional }) => optional !== true);
process.exit(tests || style || (isIncomplete ? 1 : 0));

function run(program: string, args: readonly string[]): number {
  return spawnSync(program, args, { cwd: ROOT, stdio: "inherit" }).status ?? 1;
}

async function toolsImage(): Promise<Dependency> {
  try {
    await writeImageArchive();
    return { path: TOOLS_ARCHIVE };
  } catch (error) {
    return { missing: `the image of the tools: ${(error as Error).message}` };
  }
}
