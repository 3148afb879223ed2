import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../support/cluster/cluster.ts";
import { annotatedJob, operatorAnnotations } from "./annotated-job.ts";

/**
 * Waits until the admission policies have an effect in the namespace of the steps. This takes some time after the
 * creation of a policy. Throws if the policies have no effect after 20 s.
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
