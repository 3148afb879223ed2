/**
 * Results as image volumes in a real cluster. Sidecars push the results with `--mountable`, and the node pulls them.
 * Other pods mount the results and read every file.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import manifest from "../../package.json" with { type: "json" };
import type { Cluster } from "../../support/cluster/cluster.ts";
import { runTool, startTool } from "../../support/tools.ts";
import {
  CLUSTER_SKIP,
  NAMESPACE,
  podStates,
  startTestCluster,
  waitForJob,
  waitForPod,
  waitForState,
} from "../support/cluster.ts";
import {
  type ForwardedPort,
  forwardPort,
  letNodePull,
  REGISTRY,
  startRegistry,
} from "../support/cluster-registries.ts";
import { MANIFESTS } from "../support/kubernetes.ts";
import { temporaryFolder } from "../support/temporary.ts";

const SECURITY = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };

/** Writes the outputs of a step: two folders and two files. */
const WRITE = `mkdir -p /tmp/out && cd /tmp/out && mkdir -p results/empty results/deep/$(printf %0150d 1) logs
echo dot > results/.hidden; echo 'a  b' > 'results/x y'; echo names > results/größe; touch results/nothing
dd if=/dev/urandom of=results/noise bs=1M count=9 2> /dev/null; echo long > results/deep/$(printf %0150d 1)/$(printf %0120d 2)
ln -s noise results/link; ln results/noise results/hard; cp /bin/busybox results/program; chmod 4755 results/program
echo line > logs/log; echo sum > summary.txt; echo x > 'größe x'`;

/** Lists all files with their digests, all folders, all links, and all programs with a set-user-ID bit. */
const LIST = `find . -type f -exec sha256sum {} + | sort; find . -type d | sort | sed 's/^/folder /'
find . -type l | while read -r link; do echo "link $link to $(readlink "$link")"; done
find . -perm -4000 | sed 's/^/setuid /'`;

const FOLDERS = ["results", "logs"];
const FILES = ["summary.txt", "größe x"];

/** A pod that runs a script in busybox as the user 1000. */
function pod(name: string, script: string, annotations: object = {}, volumes: readonly object[] = []): object {
  const container = {
    name: "application",
    image: "docker.io/library/busybox:1.37",
    command: ["sh", "-ec", script],
    securityContext: SECURITY,
    volumeMounts: volumes.length === 0 ? [] : [{ name: "mounted", mountPath: "/mounted" }],
  };
  const securityContext = { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } };
  const metadata = { name, namespace: NAMESPACE, annotations };
  const spec = { restartPolicy: "Never", securityContext, containers: [container], volumes };
  return { apiVersion: "v1", kind: "Pod", metadata, spec };
}

describe("in a real cluster, mountable results", { skip: CLUSTER_SKIP, timeout: 900_000 }, () => {
  const folder = temporaryFolder({ after });
  let cluster: Cluster;
  let registry: ForwardedPort;

  before(async () => {
    cluster = await startTestCluster("mounts");
    await startRegistry(cluster);
    await letNodePull(cluster);
    registry = await forwardPort(cluster, "pod/oras-0", 5000);
  });

  after(async () => {
    await registry?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  /**
   * Passes an annotated pod to `oras-push inject`, and runs the resulting pod. Returns the list that the application of
   * this pod wrote.
   */
  async function runStep(name: string, outputs: readonly string[]): Promise<string[]> {
    const annotations = {
      "oras-pod-tools.dev/push-to": `${REGISTRY}/results/${name}:1`,
      "oras-pod-tools.dev/output": outputs.map((path) => `/tmp/out/${path}`).join("\n"),
      "oras-pod-tools.dev/mountable": "true",
    };
    const kept = outputs.map((path) => `'${path}'`).join(" ");
    const script = `${WRITE}\nmkdir /tmp/kept && cp -a ${kept} /tmp/kept && cd /tmp/kept\n${LIST}`;
    const image = `localhost/oras-pod-tools:${manifest.version}`;
    const injecting = startTool("oras-push", ["inject", "--image", image], { stdio: ["pipe", "pipe", "pipe"] });
    injecting.child.stdin?.end(JSON.stringify(pod(name, script, annotations)));
    const { code, stdout, stderr } = await injecting.ended;
    assert.equal(code, 0, stderr);
    await cluster.create(JSON.parse(stdout));
    assert.equal(await waitForPod(cluster, name), "Succeeded", await podStates(cluster));
    return await listOf(name);
  }

  /** Mounts an image in a pod. Returns the list of the mounted files and folders. */
  async function mount(name: string, reference: string): Promise<string[]> {
    const volumes = [{ name: "mounted", image: { reference } }];
    await cluster.create(pod(name, `cd /mounted\n${LIST}`, {}, volumes));
    assert.equal(await waitForPod(cluster, name), "Succeeded", await podStates(cluster));
    return await listOf(name);
  }

  /** Returns the lines that the script {@link LIST} printed to the log of a pod's application. */
  async function listOf(name: string): Promise<string[]> {
    const log = await cluster.kubectl("logs", "-n", NAMESPACE, name, "-c", "application");
    return log.split("\n").filter((line) => /^([\da-f]{64} {2}|folder |link |setuid )/.test(line));
  }

  /** The digest of an artifact. */
  async function digestOf(name: string, tag: string): Promise<string> {
    const args = ["list", "--format", "json", `${registry.address}/results/${name}`];
    const { stdout } = await runTool("oras-push", args);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { reference: string; digest: string });
    return rows.find(({ reference }) => reference.endsWith(`:${tag}`))?.digest as string;
  }

  /** Asserts that a mount has everything that a step wrote, except the set-user-ID bits. */
  function assertMounted(mounted: readonly string[], written: readonly string[]): void {
    assert.ok(
      written.some((line) => line.startsWith("setuid ")),
      "the step wrote a program with a set-user-ID bit",
    );
    assert.ok(written.length >= 17, written.join("\n"));
    assert.deepEqual(
      mounted,
      written.filter((line) => !line.startsWith("setuid ")),
    );
  }

  it("of folders are mounted by their digest, and another pod reads every file", async () => {
    const written = await runStep("folders", FOLDERS);
    const mounted = await mount("mount-folders", `${REGISTRY}/results/folders@${await digestOf("folders", "1")}`);
    assertMounted(mounted, written);
  });

  it("with files are mounted as TAG-image, and another pod reads every file", async () => {
    const written = await runStep("files", [...FOLDERS, ...FILES]);
    assert.ok(
      written.some((line) => line.endsWith("  ./größe x")),
      written.join("\n"),
    );
    assertMounted(await mount("mount-files", `${REGISTRY}/results/files:1-image`), written);
  });

  it("are read-only for the pods that mount them", async () => {
    const volumes = [{ name: "mounted", image: { reference: `${REGISTRY}/results/files:1-image` } }];
    await cluster.create(pod("write", "echo x > /mounted/summary.txt", {}, volumes));
    assert.equal(await waitForPod(cluster, "write"), "Failed");
    assert.match(await cluster.kubectl("logs", "-n", NAMESPACE, "write"), /Read-only file system/);
  });

  it("cannot be mounted if they were pushed without --mountable", async () => {
    const target = `${registry.address}/results/plain:1`;
    assert.equal((await runTool("oras-push", [target, "decisions"], { cwd: join(MANIFESTS, "../../docs") })).code, 0);
    await cluster.create(
      pod("plain", "true", {}, [{ name: "mounted", image: { reference: `${REGISTRY}/results/plain:1` } }]),
    );
    type Statuses = { status?: { containerStatuses?: { state?: { waiting?: { message?: string } } }[] } };
    const path = `/api/v1/namespaces/${NAMESPACE}/pods/plain`;
    const messageOf = ({ status }: Statuses) => status?.containerStatuses?.[0]?.state?.waiting?.message;
    assert.match(await waitForState(cluster, path, messageOf, 120), /mismatched image rootfs and manifest layers/);
  });

  it("are the inputs of a workflow whose last step pulls nothing", async () => {
    await cluster.kubectl("apply", "-k", join(MANIFESTS, "overlays/kind/workflow-mounts"));
    for (const name of ["odd", "even", "all"])
      assert.equal(await waitForJob(cluster, `mounts-${name}`, 240), "Complete");
    const target = join(folder, "all");
    const args = ["pull", `${registry.address}/workflow-mounts/all:run-0`, "-o", target];
    const { code, stderr } = await runTool("oras-push", args);
    assert.equal(code, 0, stderr);
    const numbers = Array.from({ length: 100 }, (_, index) => `${index + 1}\n`).join("");
    assert.equal(readFileSync(join(target, "all.txt"), "utf8"), numbers);
    const log = await cluster.kubectl("logs", "-n", NAMESPACE, "job/mounts-all", "-c", "oras");
    assert.match(log, /Pushed \[registry\]/);
    assert.doesNotMatch(log, /Download|odd|even/);
  });
});
