/**
 * The main job from end to end: a pod's two containers, played by two processes over one folder, keep what hwloc wrote as
 * an artifact in a registry, and it is pulled again.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { isLocalRegistry } from "oras-push/oci/reference";
import { debianProgram } from "../support/parts.ts";
import { DIST } from "../support/paths.ts";
import { buildExecutables } from "./build.ts";
import { findRegistry } from "./demo-registry.ts";

const REPOSITORY = "metric/hwloc";
const TAG = "iter-0";

const started = performance.now();
const work = mkdtempSync(join(tmpdir(), "oras-pod-tools-demo-"));
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void stop().then(() => process.exit(1)));
const stops: (() => Promise<void> | void)[] = [() => rmSync(work, { recursive: true, force: true })];
try {
  await demo();
  say(`\nDone in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
} catch (error) {
  console.error(`demo: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await stop();
}

async function stop(): Promise<void> {
  for (const each of stops.splice(0).reverse()) await each();
}

async function demo(): Promise<void> {
  say("Building launcher, wait-fs and oras-push ...");
  await buildExecutables(process.arch as "x64" | "arm64", DIST);
  const application = findApplication(join(work, "analysis"));
  const registry = await findRegistry(join(work, "registry"));
  stops.push(() => registry.close());
  say(`The registry is ${registry.address}: ${registry.kind}.`);

  const reference = `${registry.address}/${REPOSITORY}:${TAG}`;
  await runPod(application, reference);
  await showTags(registry.address);
  await pullAndCompare(reference);
}

/** The pod: the application's container and the sidecar, which share a folder and nothing else. */
async function runPod(application: string, reference: string): Promise<void> {
  const share = join(work, "mnt-oras");
  mkdirSync(share);
  const sidecar = start("oras-push", ["sidecar", "--share", share, "NA", reference]);
  const launcher = start("launcher", ["--share", share, "NA", join(work, "analysis"), "sh", application]);
  const launched = await launcher.ended;
  const applicationEnd = performance.now();
  const pushed = await sidecar.ended;
  const seconds = (performance.now() - applicationEnd) / 1000;
  show(`launcher NA ${join(work, "analysis")} sh ${application}`, launched);
  show(`oras-push sidecar NA ${reference}`, pushed);
  if (launched.code !== 0) throw new Error(`the launcher ended with ${launched.code}`);
  if (pushed.code !== 0) throw new Error(`the sidecar ended with ${pushed.code}`);
  say(`\nThe tag was there ${seconds.toFixed(2)} s after the launcher ended.`);
}

async function showTags(registry: string): Promise<void> {
  const scheme = isLocalRegistry(registry) ? "http" : "https";
  const response = await fetch(`${scheme}://${registry}/v2/${REPOSITORY}/tags/list`);
  const { tags } = (await response.json()) as { tags: string[] };
  show(`tags of ${REPOSITORY}`, { output: `${tags.join("\n")}\n` });
  if (!tags.includes(TAG)) throw new Error(`the tag ${TAG} is missing`);
}

async function pullAndCompare(reference: string): Promise<void> {
  const data = join(work, "data");
  const pulled = await start("oras-push", ["pull", reference, "-o", data]).ended;
  show(`oras-push pull ${reference} -o data`, pulled);
  if (pulled.code !== 0) throw new Error(`the pull ended with ${pulled.code}`);
  const names = filesBelow(join(work, "analysis"));
  for (const name of names) {
    const [written, restored] = ["analysis", "data/analysis"].map((place) => readFileSync(join(work, place, name)));
    if (written === undefined || !restored?.equals(written))
      throw new Error(`${name} is not what the application wrote`);
  }
  const tree = filesBelow(data).map((name) => `${name}  ${statSync(join(data, name)).size} bytes, as written`);
  if (tree.length !== names.length || names.length === 0) throw new Error("not all files came back");
  show("data", { output: `${tree.join("\n")}\n` });
}

/** A script that does what the hwloc experiment does; without hwloc, one that asks the kernel. */
function findApplication(output: string): string {
  const hwloc = debianProgram("lstopo", ["hwloc"]);
  const commands =
    "path" in hwloc
      ? [`lstopo ${output}/architecture.png`, `hwloc-ls ${output}/machine.xml`]
      : [`uname -a > ${output}/kernel.txt`, `cat /proc/cpuinfo > ${output}/cpuinfo.txt`];
  if ("missing" in hwloc) say(`No hwloc here (${hwloc.missing}): the kernel is asked instead.`);
  const script = join(work, "entrypoint-0.sh");
  writeFileSync(script, ["set -ex", `mkdir -p ${output}`, ...commands, ""].join("\n"));
  return script;
}

interface Shown {
  readonly output: string;
}

function start(tool: string, args: readonly string[]): { ended: Promise<Shown & { code: number | null }> } {
  const child: ChildProcess = spawn(join(DIST, tool), args, { stdio: ["ignore", "pipe", "pipe"] });
  stops.push(() => void child.kill());
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const ended = new Promise<Shown & { code: number | null }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
  return { ended };
}

function filesBelow(folder: string): string[] {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return found.map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort();
}

function say(text: string): void {
  console.log(text);
}

function show(title: string, { output }: Shown): void {
  console.log(`\n$ ${title}\n${output.trimEnd().replaceAll(/^/gm, "  ")}`);
}
