import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../support/cluster/cluster.ts";
import { annotatedJob, operatorAnnotations } from "./annotated-job.ts";

/**
 * Waits until the admission policies act in the namespace of the steps. A policy has an effect some time after its creation.
 * Throws if the policies have no effect after 20 s.
 */
export async function untilPoliciesAct(cluster: Cluster): Promise<void> {
  const wrong = JSON.stringify(annotatedJob("wrong", operatorAnnotations({ debug: "wrong" }), "true"));
  for (let attempt = 0; attempt < 100; attempt++) {
    const { code } = await cluster.startKubectl(["create", "--dry-run=server", "-f", "-"], wrong).ended;
    if (code !== 0) return;
    await sleep(200);
  }
  throw new Error("the policies have no effect after 20 s");
}
