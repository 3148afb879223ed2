/** The probes of the servers in the manifests. A healthy server on a busy node must pass them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KUBERNETES_SKIP, kustomizations, kustomize, validate } from "../support/kubernetes.ts";
import { containersOf, podsOf } from "../support/pod-spec.ts";

const SERVERS = [
  "Deployment oras-pod-tools-webhook: webhook livenessProbe",
  "Deployment oras-pod-tools-webhook: webhook readinessProbe",
  "JobSet lammps-mpi-0, worker: worker readinessProbe",
  "StatefulSet oras: registry livenessProbe",
  "StatefulSet oras: registry readinessProbe",
];

describe("probes of the servers in the manifests", { skip: KUBERNETES_SKIP, timeout: 120_000 }, () => {
  it("have ten seconds to end, because a server on a busy node needs more than the default of one second", async () => {
    const built = await Promise.all(kustomizations().map((name) => kustomize(name)));
    const pods = (await validate(built)).flat().flatMap(({ object }) => podsOf(object));
    const timeouts = new Map<string, Set<number | undefined>>();
    for (const pod of pods)
      for (const container of containersOf(pod))
        for (const type of ["livenessProbe", "readinessProbe"] as const) {
          const probe = container[type];
          if (probe === undefined) continue;
          const name = `${pod.name}: ${container.name} ${type}`;
          timeouts.set(name, (timeouts.get(name) ?? new Set()).add(probe.timeoutSeconds));
        }
    assert.deepEqual([...timeouts.keys()].sort(), SERVERS);
    for (const [name, found] of timeouts) assert.deepEqual([...found], [10], name);
  });
});
