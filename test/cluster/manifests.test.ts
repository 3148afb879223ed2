/**
 * The manifests in a real cluster. A user applies the manifests, the kubelet runs their pods, and `oras-push pull` gets
 * the outputs of the applications.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Cluster } from "../../support/cluster/cluster.ts";
import { installJobSet } from "../../support/cluster/jobset.ts";
import { runTool, startTool } from "../../support/tools.ts";
import {
  applyManifests,
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
  type RemoteRegistry,
  startRegistry,
  startRemoteRegistry,
} from "../support/cluster-registries.ts";
import { MANIFESTS } from "../support/kubernetes.ts";
import { temporaryFolder } from "../support/temporary.ts";

interface JobSet {
  readonly status?: { readonly terminalState?: string };
}

interface Job {
  readonly spec: { template: { spec: { containers: [{ command: readonly string[] }] } } };
}

describe("in a real cluster, the manifests", { skip: CLUSTER_SKIP, timeout: 900_000 }, () => {
  const folder = temporaryFolder({ after });
  let cluster: Cluster;
  let registry: ForwardedPort;

  before(async () => {
    cluster = await startTestCluster("manifests");
    await startRegistry(cluster);
    registry = await forwardPort(cluster, "pod/oras-0", 5000);
    await cluster.kubectl("apply", "-k", join(MANIFESTS, "overlays/kind/workflow"));
    for (const name of ["pod", "pod-classic", "job", "indexed-job", "component-job", "image-volume"])
      await applyManifests(cluster, [name]);
  });

  after(async () => {
    await registry?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  /** Pulls an artifact and returns its folder. */
  async function pull(reference: string, ...options: readonly string[]): Promise<string> {
    const target = join(folder, reference.replaceAll(/[/:]/g, "-"));
    const args = ["pull", ...options, `${registry.address}/${reference}`, "-o", target];
    const { code, stderr } = await runTool("oras-push", args);
    assert.equal(code, 0, `${stderr}\n${await podStates(cluster)}`);
    return target;
  }

  async function assertAnswer(tag: string): Promise<void> {
    assert.equal(readFileSync(join(await pull(`guide/answer:${tag}`), "answer", "answer.txt"), "utf8"), "42\n");
  }

  it("run in a namespace with the restricted profile", async () => {
    const namespace = await cluster.api.get<{ metadata: { labels: Record<string, string> } }>(
      `/api/v1/namespaces/${NAMESPACE}`,
    );
    assert.equal(namespace?.metadata.labels["pod-security.kubernetes.io/enforce"], "restricted");
  });

  it("save the output of a pod", async () => {
    assert.equal(await waitForPod(cluster, "step"), "Succeeded");
    await assertAnswer("first");
  });

  it("save the output of a pod with a classic sidecar", async () => {
    assert.equal(await waitForPod(cluster, "step-classic"), "Succeeded");
    await assertAnswer("classic");
  });

  it("save the output of a pod that mounts the tools' image", async () => {
    assert.equal(await waitForPod(cluster, "step-image-volume"), "Succeeded");
    await assertAnswer("image-volume");
  });

  it("save the output and the log of a Job", async () => {
    assert.equal(await waitForJob(cluster, "step"), "Complete");
    await assertAnswer("job");
    assert.equal(readFileSync(join(await pull("guide/answer:job"), "stdout.log"), "utf8"), "thinking\n");
  });

  it("save the output of a user's Job with the component", async () => {
    assert.equal(await waitForJob(cluster, "component-job"), "Complete");
    await assertAnswer("component");
  });

  it("save each completion of an Indexed Job under its own tag", async () => {
    assert.equal(await waitForJob(cluster, "squares"), "Complete");
    const pulled = await pull("experiment/squares", "--all");
    assert.equal(readdirSync(pulled).length, 10);
    for (let index = 0; index < 10; index++)
      assert.equal(readFileSync(join(pulled, `iter-${index}`, "square.txt"), "utf8"), `${index * index}\n`);
  });

  it("run a workflow whose last step uses the artifacts of the others", async () => {
    for (const name of ["odd", "even", "all"]) assert.equal(await waitForJob(cluster, `workflow-${name}`), "Complete");
    const numbers = Array.from({ length: 100 }, (_, index) => `${index + 1}\n`).join("");
    assert.equal(readFileSync(join(await pull("workflow/all:run-0"), "all.txt"), "utf8"), numbers);
  });

  it("skip the steps of a workflow whose outputs are in the registry", async () => {
    await cluster.kubectl("delete", "job", "-n", NAMESPACE, "workflow-odd", "workflow-even", "workflow-all");
    await cluster.kubectl("apply", "-k", join(MANIFESTS, "overlays/kind/workflow"));
    for (const name of ["odd", "even", "all"]) {
      assert.equal(await waitForJob(cluster, `workflow-${name}`), "Complete");
      const log = await cluster.kubectl("logs", "-n", NAMESPACE, `job/workflow-${name}`, "-c", "application");
      assert.match(log, /^launcher: skipped the command: \S+:run-0 is the output of an earlier successful run$/m);
    }
  });

  it("use the outputs of all pods of an Indexed Job", async () => {
    await applyManifests(cluster, ["fan-in"]);
    assert.equal(await waitForJob(cluster, "sum-of-squares"), "Complete");
    assert.equal(readFileSync(join(await pull("experiment/squares:sum"), "sum.txt"), "utf8"), "285\n");
  });

  it("save the files that hwloc wrote", async () => {
    const command = await commandOf("experiments/hwloc-0.yaml");
    const last = command.length - 1;
    const value = `${command[last]}busybox sha256sum /mnt/oras/analysis/*\n`;
    const patch = JSON.stringify([{ op: "replace", path: `/spec/template/spec/containers/0/command/${last}`, value }]);
    const withoutLammps = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "lammps-0" }, $patch: "delete" };
    const patches = [{ patch: JSON.stringify(withoutLammps) }, { target: { kind: "Job", name: "hwloc-0" }, patch }];
    await applyManifests(cluster, ["experiments"], { patches });
    assert.equal(await waitForJob(cluster, "hwloc-0"), "Complete");
    const written = await cluster.kubectl("logs", "-n", NAMESPACE, "job/hwloc-0", "-c", "hwloc");
    const pulled = join(await pull("metric/hwloc:iter-0"), "analysis");
    const names = ["architecture.png", "machine.xml"];
    assert.deepEqual(readdirSync(pulled).sort(), names);
    const lines = names.map((name) => `${sha256(join(pulled, name))}  /mnt/oras/analysis/${name}\n`);
    assert.ok(written.endsWith(lines.join("")), written);
  });

  it("push to a registry with TLS and a password", async () => {
    const remote = await startRemoteRegistry(cluster);
    await createLogin(remote);
    const alias = {
      op: "add",
      path: "/spec/template/spec/hostAliases",
      value: [{ ip: remote.ip, hostnames: [remote.host] }],
    };
    const patch = { target: { kind: "Job", name: "step-remote" }, patch: JSON.stringify([alias]) };
    await applyManifests(cluster, ["remote-registry"], { patches: [patch] });
    assert.equal(await waitForJob(cluster, "step-remote"), "Complete");
    const target = join(folder, "remote");
    const options = [
      "--plain-http=false",
      "--ca-file",
      remote.authority,
      "--username",
      remote.user,
      "--password-stdin",
    ];
    const pulling = startTool(
      "oras-push",
      ["pull", ...options, `${remote.address}/guide/answer:remote`, "-o", target],
      {
        stdio: ["pipe", "pipe", "pipe"],
      },
    );
    pulling.child.stdin?.end(remote.password);
    const { code, stderr } = await pulling.ended;
    assert.equal(code, 0, stderr);
    assert.equal(readFileSync(join(target, "answer", "answer.txt"), "utf8"), "42\n");
  });

  it("run MPI between the pods of a JobSet, and save the output of its launcher", async () => {
    await installJobSet(cluster);
    const keys = join(folder, "keys");
    mkdirSync(keys);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(keys, "id_ed25519")]);
    const files = ["id_ed25519", "id_ed25519.pub"].flatMap((name) => ["--from-file", join(keys, name)]);
    await cluster.kubectl("create", "secret", "generic", "mpi-ssh", "-n", NAMESPACE, ...files);
    // Two workers that each request two processors do not fit on a small machine.
    const path = "/spec/replicatedJobs/0/template/spec/template/spec/containers/0/resources/requests/cpu";
    const patch = { target: { kind: "JobSet" }, patch: JSON.stringify([{ op: "replace", path, value: "100m" }]) };
    await applyManifests(cluster, ["jobset"], { patches: [patch] });
    const path_ = `/apis/jobset.x-k8s.io/v1alpha2/namespaces/${NAMESPACE}/jobsets/lammps-mpi-0`;
    const end = ({ status }: JobSet) => status?.terminalState;
    assert.equal(await waitForState(cluster, path_, end, 180), "Completed");
    const ranks = [0, 0, 1, 1].map((worker, rank) => `rank ${rank} of 4 on lammps-mpi-0-worker-0-${worker}\n`);
    assert.equal(readFileSync(join(await pull("metric/lammps-mpi:iter-0"), "lammps.out"), "utf8"), ranks.join(""));
  });

  /** Returns the command of a Job's first container. */
  async function commandOf(file: string): Promise<readonly string[]> {
    const text = await cluster.kubectl("create", "--dry-run=client", "-o", "json", "-f", join(MANIFESTS, file));
    return (JSON.parse(text) as Job).spec.template.spec.containers[0].command;
  }

  async function createLogin({ host, user, password, authority }: RemoteRegistry): Promise<void> {
    const login = ["--docker-server", host, "--docker-username", user, "--docker-password", password];
    await cluster.kubectl("create", "secret", "docker-registry", "registry-login", "-n", NAMESPACE, ...login);
    const file = ["--from-file", `ca.crt=${authority}`];
    await cluster.kubectl("create", "configmap", "registry-ca", "-n", NAMESPACE, ...file);
  }
});

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
