/**
 * Many pods of an Indexed Job in a real cluster. CLUSTER_PODS sets the number of pods. A quarter of these pods run at
 * the same time.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Cluster } from "../../support/cluster/cluster.ts";
import { runTool } from "../../support/tools.ts";
import { applyManifests, CLUSTER_SKIP, NAMESPACE, startTestCluster, waitForJob } from "../support/cluster.ts";
import { forwardRegistry, startRegistry } from "../support/cluster-registries.ts";
import { temporaryFolder } from "../support/temporary.ts";

const PODS = Number(process.env.CLUSTER_PODS ?? 24);
const PARALLELISM = Math.ceil(PODS / 4);

interface Pod {
  readonly metadata: { readonly labels: Readonly<Record<string, string>>; readonly creationTimestamp: string };
  readonly status: {
    readonly initContainerStatuses: readonly [
      install: unknown,
      sidecar: { readonly state: { readonly terminated: { readonly exitCode: number; readonly finishedAt: string } } },
    ];
  };
}

describe("in a real cluster, an Indexed Job", { skip: CLUSTER_SKIP, timeout: 1_800_000 }, () => {
  const folder = temporaryFolder({ after });
  let cluster: Cluster;

  before(async () => {
    cluster = await startTestCluster("many-pods");
    await startRegistry(cluster);
  });

  after(() => cluster?.[Symbol.asyncDispose]());

  it(`pushes the output of each of ${PODS} pods to its own tag`, async (context) => {
    const started = performance.now();
    await applyManifests(cluster, ["indexed-job"], { patches: [{ target: { kind: "Job" }, patch: jobPatch() }] });
    assert.equal(await waitForJob(cluster, "squares", 1500), "Complete");
    const seconds = (performance.now() - started) / 1000;
    const target = join(folder, "pulled");
    const reference = `${await forwardRegistry(cluster)}/experiment/squares`;
    const { code, stderr } = await runTool("oras-push", ["pull", "--all", reference, "-o", target]);
    assert.equal(code, 0, stderr);
    const squares = readdirSync(target).map((tag) => [tag, readFileSync(join(target, tag, "square.txt"), "utf8")]);
    const expected = Array.from({ length: PODS }, (_, index) => [`iter-${index}`, `${index * index}\n`]);
    assert.deepEqual(Object.fromEntries(squares), Object.fromEntries(expected));
    context.diagnostic(`${PODS} pods, ${PARALLELISM} at once: ${seconds.toFixed(0)} s; ${await podTimes()}`);
  });

  /** The pods request little CPU time and memory, so many of them fit on one node. */
  function jobPatch(): string {
    const pod = "/spec/template/spec";
    const requests = { cpu: "5m", memory: "32Mi" };
    const containers = ["initContainers/0", "initContainers/1", "containers/0"];
    return JSON.stringify([
      { op: "replace", path: "/spec/completions", value: PODS },
      { op: "replace", path: "/spec/parallelism", value: PARALLELISM },
      ...containers.map((path) => ({ op: "replace", path: `${pod}/${path}/resources/requests`, value: requests })),
    ]);
  }

  async function podTimes(): Promise<string> {
    const path = `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=job-name%3Dsquares`;
    const pods = (await cluster.api.get<{ items: Pod[] }>(path))?.items ?? [];
    const times = pods
      .map(({ metadata, status }) => {
        const { finishedAt } = status.initContainerStatuses[1].state.terminated;
        return (Date.parse(finishedAt) - Date.parse(metadata.creationTimestamp)) / 1000;
      })
      .sort((a, b) => a - b);
    return `from the creation of a pod to the end of its sidecar: median ${times[times.length >> 1]} s, at most ${times.at(-1)} s`;
  }
});
