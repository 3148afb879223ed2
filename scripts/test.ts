/**
 * Checks the types, builds the executables, installs the dependencies of the tests, runs the tests and checks the
 * style. Prints how long each part took.
 *
 *   pnpm test [FILE ...]
 */
import { spawn, spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { clusterImages } from "../support/cluster/images.ts";
import { clusterParts } from "../support/cluster/programs.ts";
import {
  containerRegistry,
  craneClient,
  debianProgram,
  distribution3Registry,
  distributionRegistry,
  jobSetDefinition,
  kubernetesPython,
  olderOrasClient,
  orasClient,
  orasPython,
  workflowLinter,
  ZOT,
} from "../support/dependencies.ts";
import type { Dependency } from "../support/dependency.ts";
import { DIST, ROOT } from "../support/paths.ts";
import { podmanProgram } from "../support/podman.ts";
import { buildExecutables } from "./build.ts";
import { TOOLS_ARCHIVE, writeImageArchive } from "./images.ts";
import { lammpsArchive, reaxffLammps } from "./lammps.ts";

/**
 * The number of test files that run at the same time. Node's default is one less than the number of processors. So with
 * two processors, the files would run one after the other.
 */
const FILES_AT_ONCE = availableParallelism();
/**
 * The number of test files in `test/cluster` that run at the same time. Each of these files starts its own cluster,
 * which needs about 1 GB of memory.
 */
const CLUSTERS_AT_ONCE = Math.min(availableParallelism(), 4);

const only = process.argv.slice(2);
const bin = (name: string) => join(ROOT, "node_modules", ".bin", name);
const seconds = new Map<string, number>();

const types = await timed("types", () => run(bin("tsc"), ["-p", "."]));
if (types !== 0) process.exit(types);
await timed("executables", () => buildExecutables(process.arch as "x64" | "arm64", DIST));
const files = only.length > 0 ? only : globSync("test/**/*.test.ts", { cwd: ROOT }).sort();
const inFolders = (pattern: RegExp) => files.filter((file) => pattern.test(file));
const clusterFiles = inFolders(/(^|\/)test\/cluster\//);

const dependencies = await timed("dependencies", testDependencies);
if (inFolders(/(^|\/)test\/((images|pods|cluster)\/|release\.test\.ts$)/).length > 0)
  dependencies.image = await timed("image", toolsImage);
// The build of Kubernetes takes a long time. Therefore, it starts only in CI, or if the command line names files in
// `test/cluster`. Otherwise, the tests use only what `pnpm cluster` has built.
if (clusterFiles.length > 0 && (process.env.CI === "true" || only.length > 0))
  Object.assign(dependencies, await timed("cluster's parts", clusterDependencies));
const missing = Object.values(dependencies).filter((dependency) => "missing" in dependency);
const otherFiles = files.filter((file) => !clusterFiles.includes(file));
// The tests in `test/cluster` mostly wait. So the other tests run at the same time. The tests in `test/cluster` print
// their results when all of them have ended.
const results = await Promise.all([
  timed("tests", () => runTests(otherFiles, FILES_AT_ONCE)),
  timed("tests in the cluster", () => runTests(clusterFiles, CLUSTERS_AT_ONCE, otherFiles.length > 0)),
]);
const tests = results.find((code) => code !== 0) ?? 0;

for (const dependency of missing) console.log(`not tested: ${dependency.missing}`);
const colors = process.stdout.isTTY ? "force" : "off";
const style = await timed("style", () => run(bin("biome"), ["ci", "--error-on-warnings", `--colors=${colors}`, "."]));
if (style !== 0) console.error("style check failed: `pnpm fix` corrects most of it");
console.log([...seconds].map(([part, time]) => `${part}: ${time.toFixed(0)} s`).join(", "));
// In CI, the run fails if a required dependency is missing.
const isIncomplete = process.env.CI === "true" && missing.some(({ optional }) => optional !== true);
process.exit(tests || style || (isIncomplete ? 1 : 0));

/** Runs a part and stores how long it took. */
async function timed<T>(part: string, action: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await action();
  seconds.set(part, (performance.now() - start) / 1000);
  return result;
}

function testDependencies(): Record<string, Dependency> {
  return {
    "docker-registry": distributionRegistry(),
    "distribution-3": distribution3Registry(),
    "go-containerregistry": containerRegistry(),
    zot: ZOT,
    openssl: debianProgram("openssl", ["openssl"]),
    htpasswd: debianProgram("htpasswd", ["apache2-utils"]),
    oras: orasClient(),
    "oras-1.2": olderOrasClient("1.2"),
    "oras-1.1": olderOrasClient("1.1"),
    actionlint: workflowLinter(),
    "oras-py": orasPython(),
    kubernetes: kubernetesPython(),
    jobset: jobSetDefinition(),
    skopeo: debianProgram("skopeo", ["skopeo"]),
    crane: craneClient(),
    buildah: debianProgram("buildah", ["buildah"]),
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
}

/**
 * The dependencies of the tests in `test/cluster`: the programs and the images of the cluster, and the programs that
 * the guide uses.
 */
async function clusterDependencies(): Promise<Record<string, Dependency>> {
  const parts = clusterParts();
  if (Object.values(parts).some((part) => "missing" in part)) return parts;
  const programs = guidePrograms();
  try {
    await clusterImages();
    await lammpsArchive();
    return { ...parts, ...programs };
  } catch (error) {
    return { ...parts, ...programs, images: { missing: `the images of the cluster: ${(error as Error).message}` } };
  }
}

function guidePrograms(): Record<string, Dependency> {
  return {
    "hwloc-ls": debianProgram("hwloc-ls", ["hwloc"]),
    "ssh-keygen": debianProgram("ssh-keygen", ["openssh-client"]),
    tree: debianProgram("tree", ["tree"]),
  };
}

/** Runs test files. Prints the whole output at the end if `later` is true. Returns the exit code of the test runner. */
async function runTests(tests: readonly string[], atOnce: number, later = false): Promise<number> {
  if (tests.length === 0) return 0;
  // If a failed test leaves a process or a timer behind, the whole run does not end without --test-force-exit.
  const options = [
    "--test-reporter=spec",
    "--test-timeout=300000",
    "--test-force-exit",
    `--test-concurrency=${atOnce}`,
  ];
  if (later) console.log("the tests in the cluster run beside the other tests, and print their results at the end");
  const output = later ? ("pipe" as const) : ("inherit" as const);
  const runner = spawn(process.execPath, ["--test", ...options, ...tests], {
    cwd: ROOT,
    stdio: ["inherit", output, "inherit"],
  });
  const [text, code] = await Promise.all([
    runner.stdout === null ? "" : buffer(runner.stdout),
    new Promise<number>((resolve) => runner.once("close", (code) => resolve(code ?? 1))),
  ]);
  process.stdout.write(text);
  return code;
}

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
