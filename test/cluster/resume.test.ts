/**
 * Jobs whose pods are deleted. Each new pod continues from the last checkpoint. CLUSTER_LOSSES sets the number of pods
 * that the test deletes for each Job.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../support/cluster/cluster.ts";
import { runTool } from "../../support/tools.ts";
import { applyManifests, CLUSTER_SKIP, NAMESPACE, startTestCluster, waitForJob } from "../support/cluster.ts";
import { forwardRegistry, startRegistry } from "../support/cluster-registries.ts";
import { MANIFESTS } from "../support/kubernetes.ts";
import { untilPoliciesAct } from "../support/policies.ts";
import { LAMMPS_LOG, lammpsJob, RESTART_FILES, restartableLammpsArchive } from "../support/restartable-lammps.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** The number of pods that the test deletes for each Job. */
const LOSSES = Number(process.env.CLUSTER_LOSSES ?? 1);

/** The number of steps in the manifest `resume`. */
const STEPS = 50;
/** The number of steps between two checkpoints. A step takes 3 s, and the launcher makes a checkpoint every 12 s. */
const STEPS_PER_INTERVAL = 4;

/** The seconds between two checkpoints of LAMMPS. */
const LAMMPS_INTERVAL = 5;

/** A line in the log of LAMMPS with the number of a step and three results. */
const THERMO_LINE = /^ +(\d+)(?: +[-+.e\d]+){3} *$/m;

/** The registry, for the pods. */
const SERVICE = `oras-0.oras.${NAMESPACE}.svc.cluster.local:5000`;

/** The result of a run whose pods are not deleted. */
function expectedResult(): bigint {
  let value = 1n;
  for (let step = 0; step < STEPS; step++) value = (value * 1_103_515_245n + 12_345n) % 2_147_483_648n;
  return value;
}

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
    readonly status: { readonly phase: string };
  }[];
}

describe("in a real cluster, a Job whose pods are deleted", {
  skip: CLUSTER_SKIP,
  timeout: 1_800_000,
  concurrency: true,
}, () => {
  const folder = temporaryFolder({ after });
  let cluster: Cluster;
  let registry: string;

  before(async () => {
    cluster = await startTestCluster("resume", [await restartableLammpsArchive()]);
    await startRegistry(cluster);
    registry = await forwardRegistry(cluster);
    await cluster.kubectl("apply", "-k", join(MANIFESTS, "overlays/kind/injection"));
    await untilPoliciesAct(cluster);
  });

  after(() => cluster?.[Symbol.asyncDispose]());

  it(`continues from the last checkpoint after each of ${LOSSES} losses, and computes the same result`, async (context) => {
    const started = /^started after step (\d+)$/m;
    await applyManifests(cluster, ["resume"]);
    const repeated: number[] = [];
    for (let loss = 0; loss < LOSSES; loss++) {
      const { pod } = await startedPod("resume", started);
      await sleep(8000 + Math.random() * 20_000);
      const state = ["exec", "-n", NAMESPACE, pod, "-c", "application", "--", "cat", "/mnt/oras/state/number"];
      const reached = Number((await cluster.kubectl(...state)).split(" ")[0]);
      await deletePod(pod, loss);
      const { first } = await startedPod("resume", started);
      repeated.push(reached - first);
      assert.ok(reached - first <= STEPS_PER_INTERVAL + 1, `reached step ${reached}, but continued after ${first}`);
    }
    assert.equal(await waitForJob(cluster, "resume", 300), "Complete");
    const pulled = await pull("guide/answer:resume");
    assert.equal(readFileSync(join(pulled, "answer", "answer.txt"), "utf8"), `${expectedResult()}\n`);
    const sum = repeated.reduce((total, steps) => total + Math.max(0, steps), 0);
    assert.ok(sum <= LOSSES * STEPS_PER_INTERVAL, `${sum} steps computed twice`);
    context.diagnostic(`${LOSSES} pods deleted, steps computed twice after each: ${repeated.join(" ")}; sum ${sum}`);
  });

  it(`by its annotations, continues LAMMPS after each of ${LOSSES} losses, with the same energies`, async (context) => {
    const own = (values: object) =>
      Object.fromEntries(Object.entries(values).map(([name, value]) => [`oras-pod-tools.dev/${name}`, value]));
    const to = (tag: string) => ({ "push-to": `${SERVICE}/guide/lammps:${tag}`, output: LAMMPS_LOG });
    const checkpoints = { checkpoint: RESTART_FILES, "checkpoint-every": `${LAMMPS_INTERVAL}`, resume: "required" };
    const steps = 600 * (LOSSES + 1);
    await cluster.create(
      ...lammpsJob("whole", own(to("whole")), steps),
      ...lammpsJob("lammps", own({ ...to("lammps"), ...checkpoints }), steps),
    );
    const repeated: string[] = [];
    for (let loss = 0; loss < LOSSES; loss++) {
      const { pod } = await startedPod("lammps", THERMO_LINE);
      await sleep(8000 + Math.random() * 8000);
      const computed = thermoLines(await cluster.kubectl("logs", "--timestamps", "-n", NAMESPACE, pod, "-c", "app"));
      await deletePod(pod, loss);
      const { first } = await startedPod("lammps", THERMO_LINE);
      assert.ok(first > 0, "no checkpoint was restored");
      const reached = computed.at(-1);
      const restored = computed.find(({ step }) => step >= first);
      const seconds = restored && reached ? (reached.time - restored.time) / 1000 : 0;
      repeated.push(`${Math.max(0, (reached?.step ?? 0) - first)} (${seconds.toFixed(1)} s)`);
      assert.ok(seconds <= LAMMPS_INTERVAL + 5, `${repeated.at(-1)} computed twice`);
    }
    context.diagnostic(`${LOSSES} pods deleted, steps of LAMMPS computed twice after each: ${repeated.join(", ")}`);
    for (const name of ["whole", "lammps"]) assert.equal(await waitForJob(cluster, name, 300), "Complete");
    const [whole = [], resumed = []] = await Promise.all(["whole", "lammps"].map(lastStep));
    assert.equal(whole[0], steps);
    // The test does not compare the pressure, because a pressure close to 0 may have a large relative error.
    for (const [index, value] of whole.slice(0, 3).entries())
      assert.ok(Math.abs((resumed[index] ?? 0) / value - 1) < 1e-4, `${whole} is not ${resumed}`);
  });

  /**
   * Waits until the log of a running pod of a Job has a matching line. Returns the name of the pod and the number in
   * the first such line.
   */
  async function startedPod(job: string, line: RegExp): Promise<{ readonly pod: string; readonly first: number }> {
    // After the first loss of a pod, the Job controller waits for 10 s before it creates a new pod. With each further
    // loss, this wait doubles. So the limit of this function must be long.
    const end = performance.now() + 400_000;
    const path = `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=job-name%3D${job}`;
    while (performance.now() < end) {
      const { items } = (await cluster.api.get<Pods>(path)) ?? { items: [] };
      const pod = items.find(({ metadata, status }) => status.phase === "Running" && !metadata.deletionTimestamp)
        ?.metadata.name;
      const log = pod && (await cluster.kubectl("logs", "-n", NAMESPACE, pod).catch(() => ""));
      const first = line.exec(log ?? "")?.[1];
      if (pod !== undefined && first !== undefined) return { pod, first: Number(first) };
      await sleep(300);
    }
    throw new Error(`no pod of the Job ${job} started its application`);
  }

  /**
   * Deletes a pod. `loss` is the number of pods that were deleted earlier. If `loss` is even, this pod gets no time for
   * a last checkpoint.
   */
  async function deletePod(pod: string, loss: number): Promise<void> {
    await cluster.kubectl("delete", "pod", "-n", NAMESPACE, pod, ...(loss % 2 === 0 ? ["--grace-period=1"] : []));
  }

  async function pull(reference: string): Promise<string> {
    const target = join(folder, reference.replaceAll(/[/:]/g, "-"));
    const { code, stderr } = await runTool("oras-push", ["pull", `${registry}/${reference}`, "-o", target]);
    assert.equal(code, 0, stderr);
    return target;
  }

  /** Returns the numbers of the last step in the log of LAMMPS: step, temperature, energy and pressure. */
  async function lastStep(tag: string): Promise<number[]> {
    const log = readFileSync(join(await pull(`guide/lammps:${tag}`), "log.lammps"), "utf8");
    const lines = log.split("\n").filter((line) => THERMO_LINE.test(line));
    return (lines.at(-1) ?? "").trim().split(/\s+/).map(Number);
  }
});

/** Returns the number and the time of each step in the log of a pod. Times are in milliseconds since 1970. */
function thermoLines(log: string): { readonly step: number; readonly time: number }[] {
  return log.split("\n").flatMap((line) => {
    const [time = "", text = ""] = line.split(/ (.*)/);
    const step = THERMO_LINE.exec(text)?.[1];
    return step === undefined ? [] : { step: Number(step), time: Date.parse(time) };
  });
}
