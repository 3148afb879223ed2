/**
 * Runs a real Kubernetes cluster with one node. The node has its own Linux namespaces. Needs root and Go. The first run
 * builds Kubernetes and containerd, which takes about 15 minutes on 2 cores.
 *
 *   pnpm cluster [TEST ...]     runs the tests of `test/cluster`, or only the given tests
 *   pnpm cluster up             starts a cluster and leaves it running
 *   pnpm cluster down           stops all clusters of this clone
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { Cluster } from "../support/cluster/cluster.ts";
import { clusterImages } from "../support/cluster/images.ts";
import { clusterObstacle, clusterParts } from "../support/cluster/programs.ts";
import { PROGRAMS } from "../support/cluster/settings.ts";
import { DIST, ROOT } from "../support/paths.ts";
import { type Arch, buildExecutables } from "./build.ts";
import { TOOLS_ARCHIVE, writeImageArchive } from "./images.ts";
import { lammpsArchive } from "./lammps.ts";

/** The name of the cluster that `pnpm cluster up` starts. */
const NAME = "up";

const UNAVAILABLE = 69;

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === "down") return await stopAll();
  const obstacle = clusterObstacle();
  if (obstacle !== undefined) return fail(obstacle);
  return args[0] === "up" ? await startCluster() : runTests(args);
}

function runTests(tests: readonly string[]): number {
  const files = tests.length > 0 ? tests : globSync("test/cluster/*.test.ts", { cwd: ROOT }).sort();
  const script = join(ROOT, "scripts", "test.ts");
  return spawnSync(process.execPath, [script, ...files], { cwd: ROOT, stdio: "inherit" }).status ?? 1;
}

async function startCluster(): Promise<number> {
  const missing = Object.values(clusterParts()).find((part) => "missing" in part);
  if (missing !== undefined) return fail(missing.missing);
  console.error("building the executables and their image");
  await buildExecutables(process.arch as Arch, DIST);
  await writeImageArchive();
  const archives = [TOOLS_ARCHIVE, ...(await clusterImages()), await lammpsArchive()];
  const started = performance.now();
  const report = (line: string) => console.error(`${((performance.now() - started) / 1000).toFixed(1)} s: ${line}`);
  const cluster = await Cluster.start(NAME, { archives, bound: false, report });
  report("the cluster is ready");
  console.error("to use the cluster, run these commands; to stop it, run `pnpm cluster down`:");
  console.log(`export KUBECONFIG=${cluster.kubeconfig}`);
  console.log(`export PATH=${PROGRAMS}:$PATH`);
  for (const overlay of ["registry", "injection", "experiments"])
    console.log(`kubectl apply -k ${join(ROOT, "images", "manifests", "overlays", "kind", overlay)}`);
  console.log("kubectl config set-context --current --namespace experiments");
  return 0;
}

async function stopAll(): Promise<number> {
  const names = Cluster.names();
  for (const name of names) await Cluster.stop(name);
  console.error(names.length === 0 ? "no cluster is running" : `stopped: ${names.join(", ")}`);
  return 0;
}

function fail(reason: string): number {
  console.error(`cluster: cannot run a Kubernetes cluster: ${reason}`);
  return UNAVAILABLE;
}
