import { APPLICATION, HOST, OPERATOR, type PodCase, PUSH, SAVE, STEP, step, toCase } from "./pod-case.ts";

/** Pods with annotations of the ORAS Operator. */
export const OPERATOR_CASES: readonly PodCase[] = [
  toCase("plain", {}, { kind: "unchanged" }),
  toCase("other-annotations", { other: { "example.org/oras": "x" } }, { kind: "unchanged" }),
  step("shortest", {}, { "spec.subdomain": "oras", "spec.terminationGracePeriodSeconds": 180 }),
  toCase(
    "hwloc-metricset",
    {
      operator: {
        "oras-cache": "oras",
        "output-uri": "metric/hwloc:iter-0",
        "output-path": "/tmp/analysis",
        debug: "true",
      },
      containers: [
        {
          name: "app",
          image: "ghcr.io/converged-computing/metric-hwloc:latest",
          command: ["/bin/bash", "/metrics_operator/entrypoint-0.sh"],
          stdin: true,
          tty: true,
          securityContext: { privileged: false, capabilities: {} },
          volumeMounts: [{ name: "hwloc-0", mountPath: "/metrics_operator/", readOnly: true }],
        },
      ],
      spec: {
        restartPolicy: "OnFailure",
        setHostnameAsFQDN: true,
        shareProcessNamespace: true,
        subdomain: "oras",
        volumes: [{ name: "hwloc-0", configMap: { name: "hwloc-0" } }],
      },
    },
    {
      kind: "step",
      launcher: ["--output=/tmp/analysis", "--debug"],
      command: ["/bin/bash", "/metrics_operator/entrypoint-0.sh"],
      sidecar: ["--debug", "NA", `${HOST}/metric/hwloc:iter-0`],
      values: { "spec.subdomain": "oras", "spec.volumes.0.name": "hwloc-0", "spec.initContainers.0.name": "oras" },
    },
  ),
  toCase(
    "lammps-launcher",
    {
      operator: { ...STEP, container: "launcher", debug: "true" },
      containers: [{ ...APPLICATION, name: "launcher", workingDir: "/opt" }],
    },
    {
      kind: "step",
      launcher: [...SAVE, "--debug"],
      sidecar: ["--debug", ...PUSH],
      values: { "spec.containers.0.workingDir": "/opt" },
    },
  ),
  toCase(
    "lammps-worker",
    {
      operator: { ...STEP, container: "launcher", debug: "true" },
      containers: [{ ...APPLICATION, name: "workers", command: ["/usr/sbin/sshd", "-D"] }],
    },
    {
      kind: "worker",
      warnings: ["the pod has no container named launcher, so it gets no sidecar"],
      values: { "spec.subdomain": "oras", "spec.initContainers": undefined },
    },
  ),
  toCase(
    "worker-that-restarts",
    { operator: { ...STEP, container: "launcher" }, spec: { restartPolicy: "Always", subdomain: "mine" } },
    { kind: "worker", warnings: ["the pod has no container named launcher"], values: { "spec.subdomain": "mine" } },
  ),
  toCase(
    "registry-host",
    { operator: { ...STEP, registry: "registry.example.org:5000" } },
    {
      kind: "step",
      launcher: SAVE,
      sidecar: ["NA", "registry.example.org:5000/guide/answer:1"],
      values: { "spec.subdomain": "oras" },
    },
  ),
  toCase(
    "registry-host-only",
    { operator: { registry: "registry.example.org", "output-uri": "a:1", "output-path": "b" } },
    {
      kind: "step",
      launcher: ["--output=b"],
      sidecar: ["NA", "registry.example.org/a:1"],
      values: { "spec.subdomain": undefined },
    },
  ),
  toCase(
    "input",
    { operator: { "oras-cache": "oras", "input-uri": "workflow/odd:run-0", "input-path": "/tmp/in" } },
    {
      kind: "step",
      launcher: ["--input=/tmp/in"],
      sidecar: [`--pull-from=${HOST}/workflow/odd:run-0`, "NA", "NA"],
    },
  ),
  toCase(
    "input-without-path",
    { operator: { ...STEP, "input-uri": "workflow/odd:run-0" } },
    {
      kind: "step",
      launcher: ["--input=.", ...SAVE],
      sidecar: [`--pull-from=${HOST}/workflow/odd:run-0`, ...PUSH],
    },
  ),
  toCase(
    "numbered-inputs",
    {
      operator: { ...STEP, "input-uri_10": "w/c:1", "input-uri_2": "w/b:1", "input-uri": "w/a:1", "input-uri_3": "NA" },
    },
    {
      kind: "step",
      launcher: ["--input=.", ...SAVE],
      sidecar: [...["a", "b", "c"].map((name) => `--pull-from=${HOST}/w/${name}:1`), ...PUSH],
    },
  ),
  toCase(
    "none-values",
    { operator: { ...STEP, "input-uri": "NA", "input-path": "NA", "output-pipe": "NA" } },
    {
      kind: "step",
      launcher: SAVE,
      sidecar: PUSH,
    },
  ),
  toCase(
    "output-pipe",
    { operator: { ...STEP, "output-pipe": "/tmp/answer" } },
    {
      kind: "step",
      launcher: [...SAVE, "--output-pipe=/tmp/answer"],
      sidecar: PUSH,
    },
  ),
  step("unpack", { operator: { unpack: "true" } }),
  step(
    "image-and-secret",
    { operator: { "oras-container": "example.org/tools:2", "oras-env": "login" } },
    {
      "spec.initContainers.0.image": "example.org/tools:2",
      "spec.initContainers.0.envFrom": [{ secretRef: { name: "login" } }],
      "spec.volumes.2.image.reference": "example.org/tools:2",
    },
  ),
  toCase(
    "scripts",
    { operator: { ...STEP, entrypoint: "https://example.org/a.sh", "oras-entrypoint": "https://example.org/b.sh" } },
    {
      kind: "step",
      launcher: SAVE,
      sidecar: PUSH,
      warnings: [
        `the annotation ${OPERATOR}entrypoint has no effect`,
        `the annotation ${OPERATOR}oras-entrypoint has no effect`,
      ],
    },
  ),
  toCase("debug-off", { operator: { ...STEP, debug: "false" } }, { kind: "step", launcher: SAVE, sidecar: PUSH }),
];
