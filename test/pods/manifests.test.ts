/**
 * podman runs the pods of the manifests: both experiments, a workflow, each kind of sidecar, and minimal images. The
 * files that `oras` pulls are the same as the files that the applications wrote.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { TOOLS_IMAGE } from "../../scripts/images.ts";
import { reaxffLammps } from "../../scripts/lammps.ts";
import { buildImage } from "../../support/images/build.ts";
import {
  busyboxImage,
  debianLammpsImage,
  hwlocImage,
  lammpsImage,
  registryImage,
  staticImage,
} from "../../support/images/plans.ts";
import { IMAGE_STORE, Podman } from "../../support/podman.ts";
import { runTool } from "../../support/tools.ts";
import { ORAS_SKIP, oras } from "../support/clients.ts";
import { KUBERNETES_SKIP } from "../support/kubernetes.ts";
import { type Container, containersOf, type Pod } from "../support/pod-spec.ts";
import { IMAGE_SKIP } from "../support/podman.ts";
import { Cluster, type PodRun, podsOfManifest, type TaggedArtifact } from "../support/pods/cluster.ts";
import { temporaryFolder } from "../support/temporary.ts";

const SKIP = IMAGE_SKIP || KUBERNETES_SKIP;
const LAMMPS = reaxffLammps();

/** Maps the images of the manifests to the local images that replace them. */
const localImages = (): Readonly<Record<string, string>> => ({
  "docker.io/library/busybox:1.37": busyboxImage().name,
  "docker.io/library/registry:3.0.0": registryImage().name,
  "ghcr.io/converged-computing/metric-hwloc:latest": hwlocImage().name,
  "ghcr.io/converged-computing/metric-lammps:latest": lammpsImage("").name,
  "oras-pod-tools:0.1.0": TOOLS_IMAGE,
});

describe("pods of the manifests", { skip: SKIP, timeout: 600_000 }, () => {
  after(() => cluster[Symbol.asyncDispose]());
  const folder = temporaryFolder({ after });
  const cluster = new Cluster(join(folder, "cluster"), IMAGE_STORE, localImages());
  let registry = "";

  before(async () => {
    const podman = new Podman(IMAGE_STORE);
    for (const plan of [busyboxImage(), staticImage(), registryImage(), hwlocImage(), debianLammpsImage()])
      await buildImage(podman, plan, join(folder, "image"));
    if ("path" in LAMMPS) await buildImage(podman, lammpsImage(LAMMPS.path), join(folder, "image"));
    registry = await cluster.start(await podOf("registry", "oras"));
  });

  /**
   * Checks the exit codes of a pod. Prints the exit codes, the tag, the digest, and the time from the saved output to
   * the tag.
   */
  async function checkRun(
    t: TestContext,
    run: PodRun,
    exitCodes: Readonly<Record<string, number>>,
    [repository, tag]: readonly [string, string],
  ): Promise<TaggedArtifact> {
    assert.deepEqual(run.exitCodes, exitCodes, JSON.stringify(run.logs));
    const tagged = await cluster.readTag(registry, repository, tag);
    const codes = Object.entries(run.exitCodes).map(([name, code]) => `${name} ${code}`);
    const seconds = ((tagged.at - run.savedAt) / 1000).toFixed(2);
    t.diagnostic(`${run.name}: ${codes.join(", ")}; ${repository}:${tag} ${tagged.digest}, ${seconds} s after the end`);
    return tagged;
  }

  /**
   * Pulls an artifact into a folder with `oras-push`. If `oras` is installed, also pulls the artifact into a second
   * folder with `oras`. Returns the one or two folders.
   */
  async function pull(reference: string): Promise<string[]> {
    const name = reference.replaceAll(/[/:]/g, "-");
    const [ours, theirs] = [join(folder, `ours-${name}`), join(folder, `theirs-${name}`)];
    const { code, stderr } = await runTool("oras-push", ["pull", `${registry}/${reference}`, "-o", ours]);
    assert.equal(code, 0, stderr);
    if (ORAS_SKIP !== false) return [ours];
    mkdirSync(theirs);
    await oras(["pull", `${registry}/${reference}`, "--insecure"], theirs);
    return [ours, theirs];
  }

  for (const [what, folder, name, tag] of [
    ["a step in an image with only busybox", "pod", "step", "first"],
    ["a step with a classic sidecar", "pod-classic", "step-classic", "classic"],
    ["a Job that a component changed", "component-job", "component-job", "component"],
  ] as const)
    it(`run ${what}`, async (t) => {
      const run = await cluster.run(await podOf(folder, name), name);
      await checkRun(t, run, { application: 0, oras: 0 }, ["guide/answer", tag]);
      for (const pulled of await pull(`guide/answer:${tag}`))
        assert.equal(readFileSync(join(pulled, "answer", "answer.txt"), "utf8"), "42\n");
    });

  it("run a step in an image with only one static program", async (t) => {
    const command = ["/mnt/oras/bin/launcher", "--output-pipe", "/mnt/oras/numbers", "--output", "/mnt/oras/numbers"];
    const application = { image: staticImage().name, command: [...command, "--", "/seq", "3"] };
    const pod = changed(await podOf("pod", "step"), application, "static");
    const run = await cluster.run(pod, "step-static");
    await checkRun(t, run, { application: 0, oras: 0 }, ["guide/answer", "static"]);
    for (const pulled of await pull("guide/answer:static"))
      assert.equal(readFileSync(join(pulled, "numbers"), "utf8"), "1\n2\n3\n");
  });

  it("run a step of a Job and save its log", async (t) => {
    const run = await cluster.run(await podOf("job", "step"), "step-of-job");
    await checkRun(t, run, { application: 0, oras: 0 }, ["guide/answer", "job"]);
    for (const pulled of await pull("guide/answer:job")) {
      assert.equal(readFileSync(join(pulled, "answer", "answer.txt"), "utf8"), "42\n");
      assert.equal(readFileSync(join(pulled, "stdout.log"), "utf8"), "thinking\n");
    }
  });

  it("run the completions of an Indexed Job, each with its own tag", async (t) => {
    const pod = await podOf("indexed-job", "squares");
    await Promise.all(
      [3, 7].map(async (index) => {
        const indexed = { ...pod, variables: { JOB_COMPLETION_INDEX: `${index}` } };
        const run = await cluster.run(indexed, `squares-${index}`);
        await checkRun(t, run, { application: 0, oras: 0 }, ["experiment/squares", `iter-${index}`]);
      }),
    );
    const { code, stderr } = await runTool("oras-push", [
      ...["pull", "--all", `${registry}/experiment/squares`, "-o", join(folder, "squares")],
    ]);
    assert.equal(code, 0, stderr);
    for (const index of [3, 7])
      assert.equal(readFileSync(join(folder, "squares", `iter-${index}`, "square.txt"), "utf8"), `${index * index}\n`);
  });

  it("run a workflow whose last step pulls the artifacts of the others; all three start together", async (t) => {
    const jobs = await podsOfManifest("workflow");
    const runs = await Promise.all(Object.entries(jobs).map(([name, pod]) => cluster.run(pod, name)));
    for (const run of runs)
      await checkRun(t, run, { application: 0, oras: 0 }, [run.name.replace("workflow-", "workflow/"), "run-0"]);
    const numbers = Array.from({ length: 100 }, (_, index) => `${index + 1}\n`).join("");
    for (const pulled of await pull("workflow/all:run-0"))
      assert.equal(readFileSync(join(pulled, "all.txt"), "utf8"), numbers);
  });

  it("save hwloc's output as metric/hwloc:iter-0, with different users for hwloc and the sidecar", async (t) => {
    const pod = await podOf("experiments", "hwloc-0");
    const containers = containersOf(pod);
    const users = containers.map(({ securityContext }) => securityContext?.runAsUser);
    assert.equal(new Set(users).size, 2);
    assert.ok(containers.every(({ securityContext }) => securityContext?.readOnlyRootFilesystem));
    const run = await cluster.run(pod, "hwloc-0");
    await checkRun(t, run, { hwloc: 0, oras: 0 }, ["metric/hwloc", "iter-0"]);
    const written = join(run.volume("oras"), "analysis");
    assert.deepEqual(readdirSync(written).sort(), ["architecture.png", "machine.xml"]);
    assert.ok(statSync(join(written, "architecture.png")).size > 1000);
    assert.match(readFileSync(join(written, "machine.xml"), "utf8"), /<topology /);
    for (const pulled of await pull("metric/hwloc:iter-0")) assertSame(join(pulled, "analysis"), written);
  });

  it("save the output of a LAMMPS that fails on its input only as iter-0-failed", async (t) => {
    const pod = changed(await podOf("experiments", "lammps-0"), { image: debianLammpsImage().name });
    const run = await cluster.run(pod, "lammps-0-failing");
    const { lammps, ...others } = run.exitCodes;
    assert.notEqual(lammps, 0);
    const { annotations } = await checkRun(t, run, { lammps: lammps as number, ...others }, [
      "metric/lammps",
      "iter-0-failed",
    ]);
    assert.equal(annotations["dev.oras-pod-tools.run.exit-code"], `${lammps}`);
    const written = readFileSync(join(run.volume("oras"), "lammps.out"));
    assert.match(written.toString(), /ERROR: Unknown pair style|Unrecognized pair style/);
    for (const pulled of await pull("metric/lammps:iter-0-failed"))
      assert.ok(readFileSync(join(pulled, "lammps.out")).equals(written));
    await assert.rejects(cluster.readTag(registry, "metric/lammps", "iter-0"), /404/);
  });

  it("save the output of LAMMPS with ReaxFF as metric/lammps:iter-0", {
    skip: "missing" in LAMMPS && LAMMPS.missing,
  }, async (t) => {
    const run = await cluster.run(await podOf("experiments", "lammps-0"), "lammps-0");
    await checkRun(t, run, { lammps: 0, oras: 0 }, ["metric/lammps", "iter-0"]);
    const written = readFileSync(join(run.volume("oras"), "lammps.out"));
    const [, seconds] = /^Loop time of ([\d.]+) on 1 procs for 100 steps with 2432 atoms$/m.exec(`${written}`) ?? [];
    assert.ok(Number(seconds) > 0, `${written}`);
    t.diagnostic(`LAMMPS: 2432 atoms, 100 steps, ${seconds} s`);
    for (const pulled of await pull("metric/lammps:iter-0"))
      assert.ok(readFileSync(join(pulled, "lammps.out")).equals(written));
  });

  it("have the repositories and tags that oras lists through a forwarded port", {
    skip: ORAS_SKIP,
  }, async () => {
    const list = async (...args: readonly string[]) => (await oras(args, folder)).trim().split("\n");
    assert.deepEqual(await list("repo", "ls", `${registry}/metric`), ["hwloc", "lammps"]);
    assert.deepEqual(await list("repo", "tags", `${registry}/metric/hwloc`), ["iter-0"]);
    const tags = "path" in LAMMPS ? ["iter-0", "iter-0-failed"] : ["iter-0-failed"];
    assert.deepEqual((await list("repo", "tags", `${registry}/metric/lammps`)).sort(), tags);
  });
});

async function podOf(folder: string, name: string): Promise<Pod> {
  const pod = (await podsOfManifest(folder))[name];
  assert.ok(pod, `${folder} has no pod ${name}`);
  return pod;
}

/** Returns a copy of a pod with another application. If `tag` is given, the output of the copy gets this tag. */
function changed(pod: Pod, change: Partial<Container>, tag?: string): Pod {
  const { initContainers = [], containers } = pod.spec;
  const tagged = initContainers.map(({ command = [], ...container }) => ({
    ...container,
    command: command.map((text) => (tag === undefined ? text : text.replace(/:[^:/]+$/, `:${tag}`))),
  }));
  const changed = containers.map((container) => ({ ...container, ...change }));
  return { ...pod, spec: { ...pod.spec, initContainers: tagged, containers: changed } };
}

/** Asserts that two folders hold the same files. */
function assertSame(one: string, other: string): void {
  const files = (folder: string) => readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  assert.deepEqual(files(one), files(other));
  for (const name of files(one)) assert.ok(readFileSync(join(one, name)).equals(readFileSync(join(other, name))), name);
}
