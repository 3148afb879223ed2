import assert from "node:assert/strict";
import { it } from "node:test";
import { podAnnotations, runAnnotations } from "oras-push/provenance";
import { NOTHING_KNOWN } from "wait-fs/markers";

it("a run's end, times and inputs become annotations", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const done = {
    ...NOTHING_KNOWN,
    attempt: "one",
    exitCode: 137,
    signal: "SIGKILL",
    reason: "timed out",
    startedAt: "2026-11-23T16:55:32.876Z",
    finishedAt: "2026-11-23T16:55:33.000Z",
  };
  const input = { reference: "localhost:5000/run:1", digest, size: 7, layers: [] };
  assert.deepEqual(runAnnotations(done, [input]), {
    "dev.oras-pod-tools.run.attempt": "one",
    "dev.oras-pod-tools.run.exit-code": "137",
    "dev.oras-pod-tools.run.signal": "SIGKILL",
    "dev.oras-pod-tools.run.reason": "timed out",
    "dev.oras-pod-tools.run.started": "2026-11-23T16:55:32.876Z",
    "dev.oras-pod-tools.run.finished": "2026-11-23T16:55:33.000Z",
    "dev.oras-pod-tools.run.inputs": `[{"reference":"localhost:5000/run:1","digest":"${digest}"}]`,
  });
});

it("what is not known is left out", () => {
  assert.deepEqual(runAnnotations(NOTHING_KNOWN, []), {});
  assert.deepEqual(podAnnotations({ POD_NAME: "", HOME: "/" }), {});
});

it("the pod's name, namespace and node become annotations", () => {
  assert.deepEqual(podAnnotations({ POD_NAME: "lammps-0", POD_NAMESPACE: "metric", NODE_NAME: "node-1" }), {
    "dev.oras-pod-tools.run.pod": "lammps-0",
    "dev.oras-pod-tools.run.namespace": "metric",
    "dev.oras-pod-tools.run.node": "node-1",
  });
});
