/**
 * Shows the tools at work on this machine. Two processes that share a folder stand for the two containers of a pod. The
 * sidecar pushes the output of hwloc to a registry, and the demo pulls this output.
 *
 *   pnpm demo
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { isLocalRegistry } from "oras-push/oci/reference";
import { debianProgram } from "../support/dependencies.ts";
import { DIST } from "../support/paths.ts";
import { startTool, type Tool } from "../support/tools.ts";
import { buildExecutables } from "./build.ts";
import { findRegistry } from "./demo/registry.ts";

const REPOSITORY = "metric/hwloc";
const TAG = "iter-0";

/** The exit code of a tool, and its output on stdout and stderr. */
interface ToolRun {
  readonly code: number | null;
  readonly output: string;
}

const started = performance.now();
const work = mkdtempSync(join(tmpdir(), "oras-pod-tools-demo-"));
/** The folder into which the application writes. */
const analysis = join(work, "analysis");
const cleanups: (() => Promise<void> | void)[] = [() => rmSync(work, { recursive: true, force: true })];
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void cleanUp().then(() => process.exit(1)));
try {
  await demo();
  console.log(`\nDone in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
} catch (error) {
  console.error(`demo: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await cleanUp();
}

async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

async function demo(): Promise<void> {
  console.log("Building launcher, wait-fs and oras-push ...");
  await buildExecutables(process.arch as "x64" | "arm64", DIST);
  const application = writeApplication();
  const registry = await findRegistry(join(work, "registry"));
  cleanups.push(() => registry.close());
  console.log(`Using the registry ${registry.address} (${registry.kind}).`);

  const reference = `${registry.address}/${REPOSITORY}:${TAG}`;
  await runPod(application, reference);
  await showTags(registry.address);
  await pull(reference);
  compareFiles();
}

/** Runs the two containers of the pod: the application with the launcher, and the sidecar. They share only a folder. */
async function runPod(application: string, reference: string): Promise<void> {
  const share = join(work, "mnt-oras");
  mkdirSync(share);
  const sidecar = runTool("oras-push", ["sidecar", "--share", share, "NA", reference]);
  const launcher = runTool("launcher", ["--share", share, "NA", analysis, "sh", application]);
  const launched = await launcher;
  const launcherEnd = performance.now();
  const pushed = await sidecar;
  const seconds = (performance.now() - launcherEnd) / 1000;
  show(`launcher NA ${analysis} sh ${application}`, launched.output);
  show(`oras-push sidecar NA ${reference}`, pushed.output);
  assertSuccess("the launcher", launched);
  assertSuccess("the sidecar", pushed);
  console.log(`\nThe registry had the tag ${seconds.toFixed(2)} s after the launcher ended.`);
}

async function showTags(registry: string): Promise<void> {
  const scheme = isLocalRegistry(registry) ? "http" : "https";
  const response = await fetch(`${scheme}://${registry}/v2/${REPOSITORY}/tags/list`);
  const { tags } = (await response.json()) as { tags: string[] };
  show(`tags of ${REPOSITORY}`, tags.join("\n"));
  if (!tags.includes(TAG)) throw new Error(`expected the tag ${TAG}, found: ${tags.join(", ")}`);
}

async function pull(reference: string): Promise<void> {
  const pulled = await runTool("oras-push", ["pull", reference, "-o", join(work, "data")]);
  show(`oras-push pull ${reference} -o data`, pulled.output);
  assertSuccess("the pull", pulled);
}

/** Compares the pulled files with the files that the application wrote. */
function compareFiles(): void {
  const pulled = join(work, "data");
  const names = filesBelow(analysis);
  for (const name of names)
    if (!readFileSync(join(analysis, name)).equals(readFileSync(join(pulled, "analysis", name))))
      throw new Error(`${name}: the pulled file differs from the file that the application wrote`);
  const files = filesBelow(pulled);
  if (files.length !== names.length || names.length === 0)
    throw new Error(`the application wrote ${names.length} files, but the pull restored ${files.length}`);
  const list = files.map((name) => `${name}  ${statSync(join(pulled, name)).size} bytes, identical`);
  show("data", list.join("\n"));
}

/**
 * Writes a script that runs hwloc as the hwloc experiment does. If hwloc is missing, the script saves facts from the
 * kernel instead.
 */
function writeApplication(): string {
  const hwloc = debianProgram("lstopo", ["hwloc"]);
  const commands =
    "path" in hwloc
      ? [`lstopo ${analysis}/architecture.png`, `hwloc-ls ${analysis}/machine.xml`]
      : [`uname -a > ${analysis}/kernel.txt`, `cat /proc/cpuinfo > ${analysis}/cpuinfo.txt`];
  if ("missing" in hwloc) console.log(`Saving facts from the kernel, because hwloc is missing (${hwloc.missing}).`);
  const script = join(work, "entrypoint-0.sh");
  writeFileSync(script, ["set -ex", `mkdir -p ${analysis}`, ...commands, ""].join("\n"));
  return script;
}

/** Runs a tool. Collects the output on stdout and stderr in the order of arrival. */
async function runTool(tool: Tool, args: readonly string[]): Promise<ToolRun> {
  const { child, ended } = startTool(tool, args, { env: process.env });
  cleanups.push(() => void child.kill());
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (text: string) => {
      output += text;
    });
  const { code } = await ended;
  return { code, output };
}

function assertSuccess(name: string, { code }: ToolRun): void {
  if (code !== 0) throw new Error(`${name} failed: exit code ${code}`);
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort();
}

function show(title: string, output: string): void {
  console.log(`\n$ ${title}\n${output.trimEnd().replaceAll(/^/gm, "  ")}`);
}
