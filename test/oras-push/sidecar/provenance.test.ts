import assert from "node:assert/strict";
import { it } from "node:test";
import { inputAnnotations, podAnnotations } from "oras-push/sidecar/provenance";

it("stores the inputs of a run in one annotation", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const input = { reference: "localhost:5000/run:1", digest, size: 7, layers: [] };
  assert.deepEqual(inputAnnotations([input]), {
    "dev.oras-pod-tools.run.inputs": `[{"reference":"localhost:5000/run:1","digest":"${digest}"}]`,
  });
});

it("leaves out unknown values", () => {
  assert.deepEqual(inputAnnotations([]), {});
  assert.deepEqual(podAnnotations({ POD_NAME: "", HOME: "/" }), {});
});

it("stores the name, namespace and node of the pod in annotations", () => {
  assert.deepEqual(podAnnotations({ POD_NAME: "lammps-0", POD_NAMESPACE: "metric", NODE_NAME: "node-1" }), {
    "dev.oras-pod-tools.run.pod": "lammps-0",
    "dev.oras-pod-tools.run.namespace": "metric",
    "dev.oras-pod-tools.run.node": "node-1",
  });
});
