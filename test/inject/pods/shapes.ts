import { APPLICATION, type PodCase, PUSH, SAVE, STEP, step, toCase } from "./pod-case.ts";

const SECURITY = {
  runAsNonRoot: true,
  runAsUser: 1000,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};
const BUSY = { requests: { cpu: "100m", memory: "64Mi" } };
const EXACT = { requests: { cpu: "1", memory: "64Mi" }, limits: { cpu: "1", memory: "64Mi" } };

/** Pods with various containers, volumes, resources and security contexts. */
export const SHAPE_CASES: readonly PodCase[] = [
  step(
    "args",
    { container: { command: ["sh", "-c"], args: ["echo 1", "two words"] } },
    {
      "spec.containers.0.args": undefined,
      "spec.containers.0.command.6": "echo 1",
      "spec.containers.0.command.7": "two words",
    },
  ),
  step("empty-args", { container: { args: [] } }, { "spec.containers.0.command.4": "sh" }),
  step(
    "quotes-and-variables",
    { container: { command: ["sh", "-c", `echo "$(HOSTNAME)" '$HOME' \\n "a\nb" ü`] } },
    {
      "spec.containers.0.command.6": `echo "$(HOSTNAME)" '$HOME' \\n "a\nb" ü`,
    },
  ),
  step(
    "volumes",
    {
      spec: { volumes: [{ name: "mine", emptyDir: {} }] },
      container: { volumeMounts: [{ name: "mine", mountPath: "/mine" }] },
    },
    {
      "spec.volumes.0.name": "mine",
      "spec.volumes.1.name": "oras",
      "spec.containers.0.volumeMounts.0.name": "mine",
      "spec.containers.0.volumeMounts.1.mountPath": "/mnt/oras",
      "spec.containers.0.volumeMounts.2.mountPath": "/opt/oras-pod-tools",
    },
  ),
  step(
    "init-containers",
    { spec: { initContainers: [{ name: "first", image: "example.org/first:1" }] } },
    {
      "spec.initContainers.0.name": "oras",
      "spec.initContainers.1.name": "first",
    },
  ),
  step("labels", { labels: { app: "x" } }, { "metadata.labels.app": "x" }),
  step("own-subdomain", { spec: { subdomain: "jobset", hostname: "host" } }, { "spec.subdomain": "jobset" }),
  toCase(
    "several-containers",
    {
      operator: { ...STEP, container: "app" },
      containers: [{ name: "other", image: "example.org/other:1" }, APPLICATION],
    },
    { kind: "step", launcher: SAVE, sidecar: PUSH, values: { "spec.containers.0.command": undefined } },
  ),
  toCase(
    "own-container",
    { operator: STEP, own: { container: "other" }, containers: [{ ...APPLICATION, name: "other" }, APPLICATION] },
    { kind: "step", launcher: SAVE, sidecar: PUSH, values: { "spec.containers.1.command": APPLICATION.command } },
  ),
  step("on-failure", { spec: { restartPolicy: "OnFailure" } }),
  step(
    "restricted",
    { container: { securityContext: SECURITY }, spec: { automountServiceAccountToken: false } },
    {
      "spec.initContainers.0.securityContext.runAsNonRoot": true,
      "spec.initContainers.0.securityContext.allowPrivilegeEscalation": false,
      "spec.initContainers.0.securityContext.capabilities": { drop: ["ALL"] },
      "spec.initContainers.0.securityContext.seccompProfile": { type: "RuntimeDefault" },
    },
  ),
  step(
    "pod-security-context",
    { spec: { securityContext: { runAsUser: 1000, runAsNonRoot: true, fsGroup: 1000 } } },
    {
      "spec.initContainers.0.securityContext.runAsUser": 65532,
      "spec.securityContext.fsGroup": 1000,
    },
  ),
  step("best-effort", {}, { "spec.initContainers.0.resources": undefined }),
  step(
    "burstable",
    { container: { resources: BUSY } },
    {
      "spec.initContainers.0.resources": { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
    },
  ),
  step(
    "guaranteed",
    { container: { resources: EXACT } },
    {
      "spec.initContainers.0.resources": {
        requests: { cpu: "500m", memory: "256Mi" },
        limits: { cpu: "500m", memory: "256Mi" },
      },
    },
  ),
  step(
    "limits-only",
    { container: { resources: { limits: EXACT.limits } } },
    {
      "spec.initContainers.0.resources.requests.cpu": "500m",
    },
  ),
  step(
    "guaranteed-but-one",
    { container: { resources: EXACT }, spec: { initContainers: [{ name: "first", image: "example.org/first:1" }] } },
    { "spec.initContainers.0.resources.limits": { memory: "256Mi" } },
  ),
  step(
    "pod-resources",
    { container: { resources: BUSY }, spec: { resources: EXACT } },
    { "spec.initContainers.0.resources": undefined },
  ),
  step(
    "empty-resources",
    { container: { resources: { requests: {}, limits: {} } } },
    {
      "spec.initContainers.0.resources": undefined,
    },
  ),
  step("default-grace", { spec: { terminationGracePeriodSeconds: 30 } }, { "spec.terminationGracePeriodSeconds": 180 }),
  step("own-grace", { spec: { terminationGracePeriodSeconds: 5 } }, { "spec.terminationGracePeriodSeconds": 5 }),
  step(
    "indexed-job-pod",
    { other: { "batch.kubernetes.io/job-completion-index": "3" } },
    {
      "spec.initContainers.0.env.3.name": "JOB_COMPLETION_INDEX",
      "spec.initContainers.0.env.3.valueFrom.fieldRef.fieldPath":
        "metadata.annotations['batch.kubernetes.io/job-completion-index']",
    },
  ),
  step(
    "service-account",
    { spec: { serviceAccountName: "default", automountServiceAccountToken: true } },
    {
      "spec.initContainers.0.volumeMounts.1.mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
      "spec.initContainers.0.volumeMounts.1.name": "oras-no-token",
    },
  ),
  step("scheduling", {
    spec: { nodeSelector: { a: "b" }, tolerations: [{ key: "gpu", operator: "Exists" }], priority: 0 },
  }),
  toCase(
    "already-injected",
    {
      operator: { ...STEP, wrong: "x" },
      spec: { initContainers: [{ name: "oras", image: "example.org/tools:1", restartPolicy: "Always" }] },
    },
    { kind: "unchanged" },
  ),
];
