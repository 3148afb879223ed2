/** Tests of the cluster itself: the traces that it leaves on the machine, and the output of `pnpm cluster`. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { cgroupHierarchies } from "../../support/cluster/cgroups.ts";
import { Cluster } from "../../support/cluster/cluster.ts";
import { cgroupName } from "../../support/cluster/node.ts";
import { identifyProcess, isRunning, type ProcessIdentity } from "../../support/cluster/process-identity.ts";
import { CLUSTERS } from "../../support/cluster/settings.ts";
import { ROOT } from "../../support/paths.ts";
import { run, start } from "../../support/tools.ts";
import { CLUSTER_SKIP, startTestCluster } from "../support/cluster.ts";

const NAME = "traces";
const SCRIPT = join(ROOT, "scripts", "cluster.ts");

describe("pnpm cluster", () => {
  it("says in one line what this machine lacks, and exits with 69", async () => {
    const { code, stdout, stderr } = await run(process.execPath, [SCRIPT, "up"], { env: { PATH: "" } });
    assert.equal(code, 69);
    assert.equal(stdout, "");
    assert.match(stderr, /^cluster: cannot run a Kubernetes cluster: needs (root|Go)\b.*\n$/);
  });
});

describe("a cluster", { skip: CLUSTER_SKIP, timeout: 300_000 }, () => {
  after(() => Cluster.stop(NAME));

  it("leaves no process, mount, cgroup, network device or setting of the kernel", async () => {
    const before = traces();
    const cluster = await startTestCluster(NAME);
    const nodes = await cluster.kubectl("get", "nodes", "-o", "name");
    assert.equal(nodes, "node/node-1\n");
    const processes = processesOf(cluster.folder);
    assert.ok(processes.length > 10, `${processes}`);
    assert.notDeepEqual(traces(), before);
    await cluster[Symbol.asyncDispose]();
    assert.deepEqual(traces(), before);
    assert.deepEqual(processes.filter(isRunning), []);
    assert.deepEqual(readdirSync(join(CLUSTERS, NAME)), ["log"]);
  });

  it("ends when the process that started it is killed", async () => {
    const code = `import { startTestCluster } from "./test/support/cluster.ts"; await startTestCluster("${NAME}");
      console.log("started"); setInterval(() => {}, 1000);`;
    const { child, ended } = start(process.execPath, ["--input-type=module", "--eval", code], { cwd: ROOT });
    const output: string[] = [];
    child.stdout?.on("data", (text: string) => output.push(text));
    while (output.length === 0 && child.exitCode === null) await sleep(100);
    child.kill("SIGKILL");
    assert.equal((await ended).signal, "SIGKILL");
    for (let attempt = 0; attempt < 100 && Cluster.find(NAME) !== undefined; attempt++) await sleep(100);
    assert.equal(Cluster.find(NAME), undefined);
    assert.equal(await Cluster.stop(NAME), true);
    for (const { path } of cgroupHierarchies())
      assert.ok(!existsSync(join(path, cgroupName(join(CLUSTERS, NAME)))), path);
  });
});

/**
 * Returns what a cluster could leave behind or change on this machine: mounts, cgroups, network devices and kernel
 * settings.
 */
function traces(): object {
  const folder = join(CLUSTERS, NAME);
  const settings = ["vm/overcommit_memory", "kernel/panic", "kernel/hostname", "net/ipv4/ip_forward"];
  return {
    mounts: readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(folder)),
    cgroups: cgroupHierarchies().filter(({ path }) => existsSync(join(path, cgroupName(folder)))),
    devices: readdirSync("/sys/class/net").filter((name) => name.startsWith("cni")),
    settings: settings.map((name) => readFileSync(join("/proc/sys", name), "utf8")),
  };
}

/**
 * Returns all processes of a cluster: those inside the node, those in the pods, and those outside of the node that have
 * a child inside.
 */
function processesOf(folder: string): ProcessIdentity[] {
  const { holder, first, programs } = JSON.parse(readFileSync(join(folder, "node.json"), "utf8"));
  const namespace = readlinkSync(`/proc/${first.pid}/ns/pid`);
  const isInside = (pid: number) => {
    try {
      const inside = readlinkSync(`/proc/${pid}/ns/pid`) === namespace;
      return inside || readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(cgroupName(folder));
    } catch {
      return false;
    }
  };
  const pids = readdirSync("/proc").map(Number).filter(isInside);
  const inside = pids.map(identifyProcess).filter((identity) => identity !== undefined);
  return [holder, ...Object.values<ProcessIdentity>(programs), ...inside];
}
