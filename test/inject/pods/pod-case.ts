/** The expected result of the injection into a pod of the table. */
export interface ExpectedInjection {
  readonly kind: "unchanged" | "refused" | "no-command" | "worker" | "step";
  /** The sentence of a refusal. */
  readonly why?: string;
  /** The words between `launcher --wait-push` and `--` in the command of the application's container. */
  readonly launcher?: readonly string[];
  /** The application's own command after `--`. */
  readonly command?: readonly string[];
  /** The words of the sidecar's command after `oras-push sidecar --native`. */
  readonly sidecar?: readonly string[];
  /** The start of each warning. */
  readonly warnings?: readonly string[];
  /** Maps paths in the resulting pod, such as `spec.subdomain`, to the expected values. */
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

/** The prefix of the operator's annotations. */
export const OPERATOR = "oras.converged-computing.github.io/";
/** The prefix of these tools' annotations. */
export const OWN = "oras-pod-tools.dev/";

/** The registry's host of `oras-cache: oras`. */
export const HOST = "oras-0.oras.$(POD_NAMESPACE).svc.cluster.local:5000";

/** The three annotations of the shortest step. */
export const STEP = { "oras-cache": "oras", "output-uri": "guide/answer:1", "output-path": "/tmp/answer" } as const;
/** The options of the launcher for {@link STEP}. */
export const SAVE = ["--output=/tmp/answer"];
/** The arguments of the sidecar for {@link STEP}. */
export const PUSH = ["NA", `${HOST}/guide/answer:1`];

/** The container of most pods. */
export const APPLICATION = {
  name: "app",
  image: "docker.io/library/busybox:1.37",
  command: ["sh", "-c", "echo 42 > /tmp/answer"],
};
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

/** A pod of the table. */
export function toCase(name: string, parts: PodParts, expected: ExpectedInjection): PodCase {
  return { name, pod: pod(name, parts), ...expected };
}

/** A step with the three shortest annotations. */
export function step(name: string, parts: PodParts, values?: Readonly<Record<string, unknown>>): PodCase {
  const operator = { ...STEP, ...parts.operator };
  const expected = {
    kind: "step",
    launcher: SAVE,
    sidecar: PUSH,
    ...(values === undefined ? {} : { values }),
  } as const;
  return toCase(name, { ...parts, operator }, expected);
}

/** A pod that must be refused. `why` is the sentence of the refusal. */
export function refused(name: string, parts: PodParts, why: string): PodCase {
  return toCase(name, parts, { kind: "refused", why });
}

/** A step whose annotation has a wrong value. */
export function invalid(name: string, parts: Pick<PodParts, "operator" | "own">, words: string): PodCase {
  const wrong = { ...named(OPERATOR, parts.operator), ...named(OWN, parts.own) };
  const [[key, value] = ["", ""]] = Object.entries(wrong);
  const operator = { ...STEP, ...parts.operator };
  return refused(
    name,
    { ...parts, operator },
    `the annotation ${key} must be ${words}, not "${value.replaceAll("\n", " ")}"`,
  );
}
