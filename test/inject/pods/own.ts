import { HOST, type PodCase, PUSH, SAVE, STEP, step, toCase } from "./pod-case.ts";

/** Pods with annotations of these tools. */
export const OWN_CASES: readonly PodCase[] = [
  toCase(
    "own-shortest",
    { own: { "push-to": "registry.example.org/a/b:1", output: "/tmp/answer" } },
    {
      kind: "step",
      launcher: SAVE,
      sidecar: ["NA", "registry.example.org/a/b:1"],
      values: { "spec.subdomain": undefined },
    },
  ),
  toCase(
    "own-lists",
    {
      own: {
        "push-to": "registry.example.org/a/{POD_NAME}:1",
        output: "/tmp/answer\n/data/*.xyz\n\n",
        "pull-from": `registry.example.org/x:1\nregistry.example.org/y@sha256:${"0".repeat(64)}\n`,
        input: "/tmp/in",
        annotation: "author=me\nnote=a = b",
        include: "*.xyz",
        exclude: "*.tmp\n*.bak",
      },
    },
    {
      kind: "step",
      launcher: ["--output=/tmp/answer", "--output=/data/*.xyz", "--input=/tmp/in"],
      sidecar: [
        "--annotation=author=me",
        "--annotation=note=a = b",
        "--include=*.xyz",
        "--exclude=*.tmp",
        "--exclude=*.bak",
        "--pull-from=registry.example.org/x:1",
        `--pull-from=registry.example.org/y@sha256:${"0".repeat(64)}`,
        "NA",
        "registry.example.org/a/{POD_NAME}:1",
      ],
    },
  ),
  toCase(
    "mixed-outputs-and-inputs",
    { operator: { ...STEP, "input-uri": "w/a:1" }, own: { output: "/two", "pull-from": "example.org/b:1" } },
    {
      kind: "step",
      launcher: ["--input=.", ...SAVE, "--output=/two"],
      sidecar: [`--pull-from=${HOST}/w/a:1`, "--pull-from=example.org/b:1", ...PUSH],
    },
  ),
  toCase(
    "launcher-options",
    {
      operator: STEP,
      own: {
        "allow-missing-output": "true",
        timeout: "60",
        grace: "5",
        "init-timeout": "1.5",
        "sidecar-timeout": "0",
        quiet: "true",
      },
    },
    {
      kind: "step",
      launcher: [
        ...SAVE,
        "--allow-missing-output",
        "--timeout=60",
        "--grace=5",
        "--init-timeout=1.5",
        "--sidecar-timeout=0",
        "--quiet",
      ],
      sidecar: PUSH,
    },
  ),
  toCase(
    "sidecar-options",
    {
      operator: STEP,
      own: {
        "input-timeout": "60",
        "allow-failed-inputs": "true",
        "start-timeout": "61",
        "application-timeout": "62",
        "failed-run": "discard",
        "incomplete-run": "push",
        "artifact-type": "application/vnd.example.run",
        compression: "gzip",
        "compression-level": "9",
        mountable: "true",
        "no-clobber": "true",
        "plain-http": "false",
        insecure: "true",
        "retry-for": "30",
        concurrency: "5",
      },
    },
    {
      kind: "step",
      launcher: SAVE,
      sidecar: [
        "--input-timeout=60",
        "--allow-failed-inputs",
        "--start-timeout=61",
        "--timeout=62",
        "--failed-run=discard",
        "--incomplete-run=push",
        "--artifact-type=application/vnd.example.run",
        "--compression=gzip",
        "--compression-level=9",
        "--mountable",
        "--no-clobber",
        "--plain-http=false",
        "--insecure",
        "--retry-for=30",
        "--concurrency=5",
        ...PUSH,
      ],
    },
  ),
  toCase(
    "resuming-run",
    {
      operator: STEP,
      own: {
        checkpoint: "/work/restart.*\n/work/state",
        "checkpoint-every": "60",
        resume: "best-effort",
        "skip-done": "true",
        "cache-key": "v 3",
      },
    },
    {
      kind: "step",
      launcher: [
        ...SAVE,
        "--checkpoint=/work/restart.*",
        "--checkpoint=/work/state",
        "--checkpoint-every=60",
        "--skip-done",
      ],
      sidecar: ["--resume=best-effort", "--skip-done", "--cache-key=v 3", ...PUSH],
    },
  ),
  toCase(
    "many-inputs",
    {
      operator: { ...STEP, "input-uri": "w/a:iter-*" },
      own: { "pull-from": "example.org/b:{x,y}", "input-count": "1000" },
    },
    {
      kind: "step",
      launcher: ["--input=.", ...SAVE],
      sidecar: ["--input-count=1000", `--pull-from=${HOST}/w/a:iter-*`, "--pull-from=example.org/b:{x,y}", ...PUSH],
    },
  ),
  toCase(
    "logs-only",
    { own: { "push-to": "example.org/a:1", logs: "true" } },
    {
      kind: "step",
      launcher: ["--logs"],
      sidecar: ["NA", "example.org/a:1"],
    },
  ),
  toCase(
    "flags-off",
    { operator: STEP, own: { logs: "false", "no-clobber": "false", "plain-http": "true" } },
    {
      kind: "step",
      launcher: SAVE,
      sidecar: ["--plain-http=true", ...PUSH],
    },
  ),
  toCase(
    "registry-files",
    { operator: STEP, own: { "registry-secret": "login", "ca-config-map": "registry-ca" } },
    {
      kind: "step",
      launcher: SAVE,
      sidecar: ["--registry-config=/etc/oras-pod-tools/registry", "--ca-file=/etc/oras-pod-tools/ca/ca.crt", ...PUSH],
      values: {
        "spec.volumes.3": { name: "oras-registry-secret", secret: { secretName: "login" } },
        "spec.volumes.4": { name: "oras-ca", configMap: { name: "registry-ca" } },
        "spec.initContainers.0.volumeMounts.2.mountPath": "/etc/oras-pod-tools/registry",
        "spec.initContainers.0.volumeMounts.3.mountPath": "/etc/oras-pod-tools/ca",
      },
    },
  ),
  toCase(
    "certificate-and-annotation-files",
    { operator: STEP, own: { "annotation-config-map": "facts", "client-certificate-secret": "client" } },
    {
      kind: "step",
      launcher: SAVE,
      sidecar: [
        "--cert-file=/etc/oras-pod-tools/client/tls.crt",
        "--key-file=/etc/oras-pod-tools/client/tls.key",
        "--annotation-file=/etc/oras-pod-tools/annotations/annotations.json",
        ...PUSH,
      ],
      values: {
        "spec.volumes.3": { name: "oras-client-certificate", secret: { secretName: "client" } },
        "spec.volumes.4": { name: "oras-annotations", configMap: { name: "facts" } },
        "spec.initContainers.0.volumeMounts.2.mountPath": "/etc/oras-pod-tools/client",
        "spec.initContainers.0.volumeMounts.3.mountPath": "/etc/oras-pod-tools/annotations",
      },
    },
  ),
  step(
    "own-image-and-secret",
    { own: { image: "example.org/tools:3", "env-secret": "login" } },
    {
      "spec.initContainers.0.image": "example.org/tools:3",
      "spec.initContainers.0.envFrom": [{ secretRef: { name: "login" } }],
    },
  ),
  toCase(
    "condition-by-index",
    { operator: STEP, own: { "only-if": "JOB_COMPLETION_INDEX=0" } },
    {
      kind: "step",
      launcher: [...SAVE, "--only-if=JOB_COMPLETION_INDEX=0"],
      sidecar: ["--only-if=JOB_COMPLETION_INDEX=0", ...PUSH],
      values: { "spec.initContainers.0.env.3": undefined },
    },
  ),
  toCase(
    "condition-by-variable",
    {
      operator: STEP,
      own: { "only-if": "ROLE=leader" },
      container: {
        env: [
          { name: "A", value: "b" },
          { name: "ROLE", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.labels['role']" } } },
        ],
      },
    },
    {
      kind: "step",
      launcher: [...SAVE, "--only-if=ROLE=leader"],
      sidecar: ["--only-if=ROLE=leader", ...PUSH],
      values: { "spec.initContainers.0.env.3.valueFrom.fieldRef.fieldPath": "metadata.labels['role']" },
    },
  ),
  toCase(
    "condition-by-name",
    {
      operator: STEP,
      own: { "only-if": "POD_NAME=a-0" },
      container: {
        env: [{ name: "POD_NAME", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } } }],
      },
    },
    {
      kind: "step",
      launcher: [...SAVE, "--only-if=POD_NAME=a-0"],
      sidecar: ["--only-if=POD_NAME=a-0", ...PUSH],
      values: { "spec.initContainers.0.env.3": undefined },
    },
  ),
];
