/**
 * Checks the types, builds the executables, installs the dependencies of the tests, runs the tests and checks the
 * style. Prints how long each part took.
 *
 *   pnpm test [FILE ...]
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
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
 * The number of test files that run at the same time. Node's default is one file less. With two processors, Node would
 * run only one file at a time.
 */
const FILES_AT_ONCE = availableParallelism();
/**
 * The number of test files that run at the same time in clusters. Each file has its own cluster. A cluster waits most
 * of the time, and needs about 1 GB of memory.
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
// The build of Kubernetes takes long. Therefore, a test run of a user needs an earlier build by `pnpm cluster`.
if (clusterFiles.length > 0 && (process.env.CI === "true" || only.length > 0))
  Object.assign(dependencies, await timed("cluster's parts", clusterDependencies));
const missing = Object.values(dependencies).filter((dependency) => "missing" in dependency);
const results = [
  await timed("tests", () =>
    runTests(
      files.filter((file) => !clusterFiles.includes(file)),
      FILES_AT_ONCE,
    ),
  ),
  await timed("tests in the cluster", () => runTests(clusterFiles, CLUSTERS_AT_ONCE)),
];
const tests = results.find((code) => code !== 0) ?? 0;

for (const dependency of missing) console.log(`not tested: ${dependency.missing}`);
const colors = process.stdout.isTTY ? "force" : "off";
const style = await timed("style", () => run(bin("biome"), ["ci", "--error-on-warnings", `--colors=${colors}`, "."]));
if (style !== 0) console.error("style check failed: `pnpm fix` corrects most of it");
console.log([...seconds].map(([part, time]) => `${part}: ${time.toFixed(0)} s`).join(", "));
// In CI, a run that could not test everything fails, unless only optional dependencies are missing.
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

/** The parts of the Kubernetes cluster, its images, and the programs that the guide uses. */
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

function runTests(tests: readonly string[], atOnce: number): number {
  if (tests.length === 0) return 0;
  // A failed test may leave a process or a timer. Without --test-force-exit, the whole run would then never end.
  const options = [
    "--test-reporter=spec",
    "--test-timeout=300000",
    "--test-force-exit",
    `--test-concurrency=${atOnce}`,
  ];
  return run(process.execPath, ["--test", ...options, ...tests]);
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
