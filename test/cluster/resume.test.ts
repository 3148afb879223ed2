/**
 * A Job whose pods are deleted: each next pod continues from the last checkpoint. CLUSTER_LOSSES sets the number of
 * deleted pods.
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
import { temporaryFolder } from "../support/temporary.ts";

/** The number of pods that the test deletes. */
const LOSSES = Number(process.env.CLUSTER_LOSSES ?? 1);

/** The steps of the manifest `resume`, and its steps between two checkpoints: 12 s, at 3 s a step. */
const STEPS = 50;
const STEPS_PER_INTERVAL = 4;

/** The result of a run that nobody disturbs. */
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

describe("in a real cluster, a Job whose pods are deleted", { skip: CLUSTER_SKIP, timeout: 1_800_000 }, () => {
  const folder = temporaryFolder({ after });
  let cluster: Cluster;

  before(async () => {
    cluster = await startTestCluster("resume");
    await startRegistry(cluster);
  });

  after(() => cluster?.[Symbol.asyncDispose]());

  it(`continues from the last checkpoint after each of ${LOSSES} losses, and computes the same result`, async (context) => {
    await applyManifests(cluster, ["resume"]);
    const repeated: number[] = [];
    for (let loss = 0; loss < LOSSES; loss++) {
      const { pod } = await startedPod();
      await sleep(8000 + Math.random() * 20_000);
      const reached = Number((await inPod(pod, "cat", "/mnt/oras/state/number")).split(" ")[0]);
      // A pod gets either time for a last checkpoint, or no time.
      await cluster.kubectl("delete", "pod", "-n", NAMESPACE, pod, ...(loss % 2 === 0 ? ["--grace-period=1"] : []));
      const { first } = await startedPod();
      repeated.push(reached - first);
      assert.ok(reached - first <= STEPS_PER_INTERVAL + 1, `reached step ${reached}, but continued after ${first}`);
    }
    assert.equal(await waitForJob(cluster, "resume", 300), "Complete");
    const args = ["pull", `${await forwardRegistry(cluster)}/guide/answer:resume`, "-o", folder];
    const { code, stderr } = await runTool("oras-push", args);
    assert.equal(code, 0, stderr);
    assert.equal(readFileSync(join(folder, "answer", "answer.txt"), "utf8"), `${expectedResult()}\n`);
    const sum = repeated.reduce((total, steps) => total + Math.max(0, steps), 0);
    assert.ok(sum <= LOSSES * STEPS_PER_INTERVAL, `${sum} steps computed twice`);
    context.diagnostic(`${LOSSES} pods deleted, steps computed twice after each: ${repeated.join(" ")}; sum ${sum}`);
  });

  /** Waits for a running pod of the Job whose application has started. Returns its name and the step before its first. */
  async function startedPod(): Promise<{ readonly pod: string; readonly first: number }> {
    // The Job controller waits longer before each new pod: 10 s, then twice as long after each further loss.
    const end = performance.now() + 400_000;
    const path = `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=job-name%3Dresume`;
    while (performance.now() < end) {
      const { items } = (await cluster.api.get<Pods>(path)) ?? { items: [] };
      const pod = items.find(({ metadata, status }) => status.phase === "Running" && !metadata.deletionTimestamp)
        ?.metadata.name;
      const log = pod && (await cluster.kubectl("logs", "-n", NAMESPACE, pod, "-c", "application").catch(() => ""));
      const first = /^started after step (\d+)$/m.exec(log ?? "")?.[1];
      if (pod !== undefined && first !== undefined) return { pod, first: Number(first) };
      await sleep(300);
    }
    throw new Error("no pod of the Job started its application");
  }

  function inPod(pod: string, ...command: readonly string[]): Promise<string> {
    return cluster.kubectl("exec", "-n", NAMESPACE, pod, "-c", "application", "--", ...command);
  }
});
