/**
 * A release in a real cluster. A user types the README's commands in the folder of the release, and applies the
 * annotated Job of the README. Then the user pulls the output of this Job with the tools of the release. The node has
 * no image of the tools except the release's image.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { TOOLS_IMAGE } from "../../scripts/images.ts";
import { RELEASE_NAME, writeRelease } from "../../scripts/release.ts";
import { Cluster } from "../../support/cluster/cluster.ts";
import { clusterImages, EXPERIMENT_IMAGES } from "../../support/cluster/images.ts";
import { INSIDE } from "../../support/cluster/settings.ts";
import { DEBIAN_ARCH } from "../../support/debian-root.ts";
import { type ProcessResult, run } from "../../support/tools.ts";
import { CLUSTER_SKIP, NAMESPACE, podStates, waitForJob } from "../support/cluster.ts";
import { type ForwardedPort, forwardPort } from "../support/cluster-registries.ts";
import { changedText } from "../support/guide/exceptions.ts";
import { blocksOfSection } from "../support/guide/section.ts";
import { untilPoliciesAct } from "../support/policies.ts";
import { temporaryFolder } from "../support/temporary.ts";

const [CHECK = ""] = blocksOfSection("### Install from a release");
const [INSTALL = ""] = blocksOfSection("## Install", { page: "README.md" });
const [JOB = ""] = blocksOfSection("# oras-pod-tools", { page: "README.md", language: "yaml" });

/**
 * The README's command that loads the image into the nodes of kind. The test replaces it with the guide's command for
 * containerd.
 */
const LOAD = /^kind load image-archive (\S+)\n/m;

/** The changes to the Job of the README. */
const CHANGES = [
  {
    from: "image: your-application",
    to: `image: ${EXPERIMENT_IMAGES.hwloc}\n          imagePullPolicy: IfNotPresent`,
    reason: "the node has this image, which contains hwloc",
  },
  {
    from: "[hwloc-ls, /tmp/machine.xml]",
    to: '[sh, -c, "hwloc-ls /tmp/machine.xml && sleep 5"]',
    reason: "without the sleep, the command ends before `kubectl get pods` can show that the pod is ready",
  },
];

describe("in a real cluster, a release", { skip: CLUSTER_SKIP, timeout: 600_000 }, () => {
  const folder = temporaryFolder({ after });
  const release = join(folder, "release");
  let cluster: Cluster;
  let registry: ForwardedPort | undefined;

  before(async () => {
    await writeRelease(release, TOOLS_IMAGE);
    cluster = await Cluster.start("release", { archives: await clusterImages(), bound: true });
  });

  after(async () => {
    await registry?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  /**
   * Runs commands of a page in the folder of the release. If a command fails, throws an error with the output of the
   * commands.
   */
  async function type(commands: string): Promise<string> {
    return succeeded(await run("sh", ["-ec", commands], { cwd: release, env: cluster.environment() }));
  }

  function succeeded({ code, stdout, stderr }: ProcessResult): string {
    assert.equal(code, 0, `${stdout}${stderr}`);
    return stdout;
  }

  it("has the checksums that its files need", async () => {
    const lines = (await type(CHECK)).trimEnd().split("\n");
    assert.equal(lines.length, readdirSync(release).length - 1);
    for (const line of lines) assert.match(line, /: OK$/);
  });

  it("is installed with the commands of the README", async () => {
    const [, archive = ""] = LOAD.exec(INSTALL) ?? [];
    const guide = blocksOfSection("### Install from a release").join("");
    const [load = ""] = guide.match(/^ctr .*(?= {4}# or on each node with containerd$)/m) ?? [];
    assert.ok(load.endsWith(` ${archive}`), load);
    await cluster.node.exec("sh", "-ec", `cd '${release}'\nPATH=${INSIDE.programs}:$PATH\n${load}`);
    await type(INSTALL.replace(LOAD, ""));
    await untilPoliciesAct(cluster);
    await cluster.kubectl("rollout", "status", "-n", NAMESPACE, "statefulset/oras", "--timeout=120s");
  });

  it("saves the output of the Job in the README, with 2/2 containers", async () => {
    const job = CHANGES.reduce((text, change) => changedText(text, { file: "README.md", ...change }), JOB);
    succeeded(await cluster.startKubectl(["apply", "-n", NAMESPACE, "-f", "-"], job).ended);
    const seen = new Set<string>();
    while (!seen.has("2/2")) {
      const line = await cluster.kubectl("get", "pods", "-n", NAMESPACE, "-l", "job-name=hwloc-0", "--no-headers");
      seen.add(line.trim().split(/\s+/)[1] ?? "");
      if (/Completed|Err|ImagePullBackOff/.test(line)) assert.fail(`${line}\n${await podStates(cluster)}`);
      await sleep(200);
    }
    assert.equal(await waitForJob(cluster, "hwloc-0"), "Complete");
  });

  it("has the tools that pull this output", async () => {
    registry = await forwardPort(cluster, "pod/oras-0", 5000);
    const name = `${RELEASE_NAME}-linux-${DEBIAN_ARCH[process.arch as keyof typeof DEBIAN_ARCH]}`;
    succeeded(await run("tar", ["-xzf", `${name}.tar.gz`], { cwd: release }));
    const pull = ["pull", `${registry.address}/metric/hwloc:iter-0`, "-o", join(folder, "pulled")];
    succeeded(await run(join(release, name, "oras-push"), pull));
    assert.deepEqual(readdirSync(join(folder, "pulled")), ["machine.xml"]);
    assert.match(readFileSync(join(folder, "pulled", "machine.xml"), "utf8"), /<topology /);
  });
});
