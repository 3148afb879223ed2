/** The pods of the injection tests. Each goes through the pure function, `oras-push inject`, the policies and the webhook. */

/** What a pod of the table must become. */
export interface ExpectedInjection {
  readonly kind: "unchanged" | "refused" | "no-command" | "worker" | "step";
  /** The sentence of a refusal. */
  readonly why?: string;
  /** The words of the application's command between the launcher and its own command. */
  readonly launcher?: readonly string[];
  /** The application's own command after `--`. */
  readonly command?: readonly string[];
  /** The words of the sidecar's command after `oras-push sidecar --native`. */
  readonly sidecar?: readonly string[];
  /** The start of each warning. */
  readonly warnings?: readonly string[];
  /** Values in the resulting pod, by their paths, such as `spec.subdomain`. */
  readonly values?: Readonly<Record<string, unknown>>;
}

/** A pod of the table. */
export interface PodCase extends ExpectedInjection {
  readonly name: string;
  readonly pod: TestPod;
}

/** A pod as a user writes it. */
export interface TestPod {
  readonly apiVersion: "v1";
  readonly kind: "Pod";
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly containers: readonly object[] } & Readonly<Record<string, unknown>>;
}

interface PodParts {
  readonly operator?: Readonly<Record<string, string>>;
  readonly own?: Readonly<Record<string, string>>;
  readonly other?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly container?: object;
  readonly containers?: readonly object[];
  readonly spec?: object;
}

const OPERATOR = "oras.converged-computing.github.io/";
const OWN = "oras-pod-tools.dev/";

/** The registry's host of `oras-cache: oras`. */
const HOST = "oras-0.oras.$(POD_NAMESPACE).svc.cluster.local:5000";

/** The three annotations of the shortest step. */
const STEP = { "oras-cache": "oras", "output-uri": "guide/answer:1", "output-path": "/tmp/answer" } as const;
const SAVE = ["--output=/tmp/answer"];
const PUSH = ["NA", `${HOST}/guide/answer:1`];

const APPLICATION = {
  name: "app",
  image: "docker.io/library/busybox:1.37",
  command: ["sh", "-c", "echo 42 > /tmp/answer"],
};
const SECURITY = {
  runAsNonRoot: true,
  runAsUser: 1000,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};
const BUSY = { requests: { cpu: "100m", memory: "64Mi" } };
const EXACT = { requests: { cpu: "1", memory: "64Mi" }, limits: { cpu: "1", memory: "64Mi" } };

function named(prefix: string, values: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]));
}

function pod(name: string, parts: PodParts): TestPod {
  const annotations = { ...parts.other, ...named(OPERATOR, parts.operator), ...named(OWN, parts.own) };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      ...(parts.labels === undefined ? {} : { labels: parts.labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: {
      restartPolicy: "Never",
      containers: parts.containers ?? [{ ...APPLICATION, ...parts.container }],
      ...parts.spec,
    },
  };
}

function toCase(name: string, parts: PodParts, expected: ExpectedInjection): PodCase {
  return { name, pod: pod(name, parts), ...expected };
}

/** A step with the three shortest annotations. */
function step(name: string, parts: PodParts, values?: Readonly<Record<string, unknown>>): PodCase {
  const operator = { ...STEP, ...parts.operator };
  const expected = {
    kind: "step",
    launcher: SAVE,
    sidecar: PUSH,
    ...(values === undefined ? {} : { values }),
  } as const;
  return toCase(name, { ...parts, operator }, expected);
}

function refused(name: string, parts: PodParts, why: string): PodCase {
  return toCase(name, parts, { kind: "refused", why });
}

/** A step whose annotation has a wrong value. */
function invalid(name: string, parts: Pick<PodParts, "operator" | "own">, words: string): PodCase {
  const wrong = { ...named(OPERATOR, parts.operator), ...named(OWN, parts.own) };
  const [[key, value] = ["", ""]] = Object.entries(wrong);
  const operator = { ...STEP, ...parts.operator };
  return refused(
    name,
    { ...parts, operator },
    `the annotation ${key} must be ${words}, not "${value.replaceAll("\n", " ")}"`,
  );
}

const OPERATOR_CASES: readonly PodCase[] = [
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

const OWN_CASES: readonly PodCase[] = [
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
];

const SHAPE_CASES: readonly PodCase[] = [
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

const REFUSED_CASES: readonly PodCase[] = [
  refused(
    "unknown-annotation",
    { operator: { ...STEP, "output-ur1": "a" } },
    `the annotation ${OPERATOR}output-ur1 does not exist: correct its name, or remove it`,
  ),
  refused(
    "unknown-own-annotation",
    { operator: STEP, own: { log: "true" } },
    `the annotation ${OWN}log does not exist: correct its name, or remove it`,
  ),
  refused(
    "numbered-input-with-zero",
    { operator: { ...STEP, "input-uri_01": "a:1" } },
    `the annotation ${OPERATOR}input-uri_01 does not exist: correct its name, or remove it`,
  ),
  refused(
    "not-a-list",
    { operator: { ...STEP, "output-path": "/a\n/b" } },
    `the annotation ${OPERATOR}output-path must be a path, not "/a /b"`,
  ),
  invalid("no-tag", { operator: { "output-uri": "guide/answer" } }, "REPOSITORY:TAG"),
  invalid("empty-value", { operator: { "output-uri": "" } }, "REPOSITORY:TAG"),
  invalid("empty-list", { own: { include: "\n" } }, "patterns, one per line"),
  invalid("wrong-flag", { operator: { debug: "yes" } }, '"true" or "false"'),
  invalid("unpack-off", { operator: { unpack: "false" } }, '"true", because a pull always restores folders'),
  invalid("wrong-number", { own: { timeout: "1m" } }, "a number of seconds, such as 60"),
  invalid("wrong-choice", { own: { "failed-run": "keep" } }, "push or discard"),
  invalid("wrong-numbered-input", { operator: { "input-uri_1": "w/a" } }, "REPOSITORY:TAG or REPOSITORY@DIGEST"),
  invalid(
    "wrong-host",
    { operator: { registry: "https://example.org" } },
    "HOST or HOST:PORT, without https:// and without a path",
  ),
  refused(
    "both-names",
    { operator: { ...STEP, container: "app" }, own: { container: "app" } },
    `the annotations ${OPERATOR}container and ${OWN}container exclude each other: remove one of them`,
  ),
  refused(
    "no-registry",
    { operator: { "output-uri": "a:1", "output-path": "b" } },
    `the registry is missing: write ${OPERATOR}oras-cache: NAME or ${OPERATOR}registry: HOST`,
  ),
  refused(
    "no-destination",
    { operator: { "oras-cache": "oras", "output-path": "b" } },
    `the output has no destination: write ${OPERATOR}output-uri: REPOSITORY:TAG or ${OWN}push-to: REGISTRY/REPOSITORY:TAG`,
  ),
  refused(
    "no-output",
    { operator: { "oras-cache": "oras", "output-uri": "a:1" } },
    `nothing is saved for the destination: write ${OPERATOR}output-path: PATH or ${OWN}output: PATH`,
  ),
  refused(
    "nothing",
    { operator: { "oras-cache": "oras" } },
    `the annotations name neither an input nor an output: write ${OPERATOR}output-uri and ${OPERATOR}output-path, or remove the annotations`,
  ),
  refused(
    "several-without-name",
    { operator: STEP, containers: [APPLICATION, { ...APPLICATION, name: "other" }] },
    `the pod has several containers: write ${OPERATOR}container: NAME`,
  ),
  refused(
    "restarts",
    { operator: STEP, spec: { restartPolicy: "Always" } },
    "the pod's restartPolicy is Always, so its command never ends: write restartPolicy: Never or restartPolicy: OnFailure",
  ),
  refused(
    "taken-container",
    { operator: { ...STEP, container: "app" }, containers: [APPLICATION, { ...APPLICATION, name: "oras" }] },
    "the pod already has a container named oras, perhaps from the ORAS Operator: rename or remove it",
  ),
  refused(
    "taken-volume",
    { operator: STEP, spec: { volumes: [{ name: "oras", emptyDir: {} }] } },
    "the pod already has a volume named oras: rename the volume",
  ),
  refused(
    "taken-path",
    {
      operator: STEP,
      spec: { volumes: [{ name: "mine", emptyDir: {} }] },
      container: { volumeMounts: [{ name: "mine", mountPath: "/mnt/oras" }] },
    },
    "the container app already mounts a volume at /mnt/oras: mount the volume at another path",
  ),
  refused(
    "unknown-condition",
    { operator: STEP, own: { "only-if": "ROLE=leader" } },
    `${OWN}only-if names the variable ROLE, which the container app does not set: add the variable to its env`,
  ),
  toCase(
    "no-command",
    { operator: STEP, containers: [{ name: "app", image: "docker.io/library/busybox:1.37", args: ["-c", "true"] }] },
    {
      kind: "no-command",
      why: "the container app has no command: write its command, because the entrypoint of its image is unknown",
    },
  ),
];

/** All pods of the table. */
export const PODS: readonly PodCase[] = [...OPERATOR_CASES, ...OWN_CASES, ...SHAPE_CASES, ...REFUSED_CASES];
