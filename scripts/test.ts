/**
 * Checks, builds and tests everything; what the tests need is brought first.
 *
 *   pnpm test [FILE ...]
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import {
  containerRegistry,
  debianProgram,
  distributionRegistry,
  jobSetDefinition,
  kubernetesPython,
  newerDistributionRegistry,
  olderOrasClient,
  orasClient,
  orasPython,
  type Part,
  ZOT,
} from "../support/parts.ts";
import { DIST, ROOT } from "../support/paths.ts";
import { podmanProgram } from "../support/podman.ts";
import { buildExecutables } from "./build.ts";
import { makeImages, TOOLS_ARCHIVE } from "./images.ts";
import { reaxffLammps } from "./lammps.ts";

const only = process.argv.slice(2);
const bin = (name: string) => join(ROOT, "node_modules", ".bin", name);

const types = run(bin("tsc"), ["-p", "."]);
if (types !== 0) process.exit(types);
await buildExecutables(process.arch as "x64" | "arm64", DIST);
const files = only.length > 0 ? only : globSync("test/**/*.test.ts", { cwd: ROOT }).sort();

const parts: Record<string, Part> = {
  "docker-registry": distributionRegistry(),
  "distribution-3": newerDistributionRegistry(),
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
  podman: podmanProgram(),
  reaxff: reaxffLammps(),
  "qemu-aarch64-static": debianProgram("qemu-aarch64-static", ["qemu-user-static"]),
};
if (files.some((file) => /(^|\/)test\/(images|pods)\//.test(file))) parts.image = await toolsImage();
const missing = Object.values(parts).filter((part) => "missing" in part);
// Forced, for what a failed test left behind would keep its file, and the whole run, from ending.
const options = ["--test-reporter=spec", "--test-timeout=300000", "--test-force-exit"];
const tests = run(process.execPath, ["--test", ...options, ...files]);

for (const part of missing) console.log(`not on this machine: ${part.missing}`);
const colors = process.stdout.isTTY ? "force" : "off";
const style = run(bin("biome"), ["ci", "--error-on-warnings", `--colors=${colors}`, "."]);
if (style !== 0) console.error("the style differs: pnpm fix mends most of it");
// A run for CI that could not test everything is no success, but for what this kind of machine cannot have, or nobody asked for.
const incomplete = process.env.CI === "true" && missing.some(({ unavoidable }) => unavoidable !== true);
process.exit(tests || style || (incomplete ? 1 : 0));

function run(program: string, args: readonly string[]): number {
  return spawnSync(program, args, { cwd: ROOT, stdio: "inherit" }).status ?? 1;
}

async function toolsImage(): Promise<Part> {
  try {
    await makeImages();
    return { path: TOOLS_ARCHIVE };
  } catch (error) {
    return { missing: `the image of the tools: ${(error as Error).message}` };
  }
}
