import type { ValueTypeName } from "./value-types.ts";

/** The prefix of the ORAS Operator's annotations. */
export const OPERATOR_PREFIX = "oras.converged-computing.github.io/";

/** The prefix of the annotations and labels that only these tools use. */
export const OWN_PREFIX = "oras-pod-tools.dev/";

/**
 * A tool whose options can be set by annotations. The launcher starts the application's command. The sidecar runs in
 * its own container.
 */
export type Tool = "launcher" | "sidecar";

/** A part that an annotation can set in a pod or a command line. For an option, see {@link OptionTarget}. */
export type PodPart =
  | "cache"
  | "registry"
  | "inputs"
  | "pushTo"
  | "container"
  | "image"
  | "envSecret"
  | "registrySecret"
  | "authority"
  | "clientCertificate"
  | "annotationFile"
  | "nothing";

/** An option, and the tools that get this option. */
export interface OptionTarget {
  readonly option: string;
  readonly tools: readonly Tool[];
}

/** One annotation that injection reads. */
export interface Annotation {
  /** The name with its prefix. */
  readonly name: string;
  readonly type: ValueTypeName;
  /** What the annotation sets. */
  readonly sets: PodPart | OptionTarget;
  /** The meaning, in a phrase without a period. */
  readonly meaning: string;
  /**
   * The effect of a missing annotation, in a few words. The value is undefined if a missing annotation has no effect.
   */
  readonly default?: string;
}

/**
 * The ORAS Operator's value for "none". If an annotation of the operator has this value, the annotation sets nothing.
 */
export const NONE = "NA";

/**
 * The pattern for the names of additional inputs: `input-uri_1`, `input-uri_2`, and so on. The inputs are pulled in the
 * order of their numbers.
 */
export const NUMBERED_INPUT = `^${OPERATOR_PREFIX.replaceAll(".", "[.]")}input-uri_(0|[1-9][0-9]{0,3})$`;

function launcher(option: string): OptionTarget {
  return { option, tools: ["launcher"] };
}

function sidecar(option: string): OptionTarget {
  return { option, tools: ["sidecar"] };
}

function both(option: string): OptionTarget {
  return { option, tools: ["launcher", "sidecar"] };
}

type Row = readonly [
  name: string,
  type: ValueTypeName,
  sets: PodPart | OptionTarget,
  meaning: string,
  defaultText?: string,
];

function annotations(prefix: string, rows: readonly Row[]): Annotation[] {
  return rows.map(([name, type, sets, meaning, defaultText]) => ({
    name: `${prefix}${name}`,
    type,
    sets,
    meaning,
    ...(defaultText === undefined ? {} : { default: defaultText }),
  }));
}

const OPERATOR_ROWS: readonly Row[] = [
  [
    "oras-cache",
    "label",
    "cache",
    "the registry NAME in the pod's namespace; its host is NAME-0.NAME.NAMESPACE.svc.cluster.local:5000",
  ],
  ["registry", "host", "registry", "the host of another registry; overrides oras-cache"],
  [
    "input-uri",
    "pullUri",
    "inputs",
    "an artifact to pull; for more inputs, add input-uri_1, input-uri_2, and so on",
    "no input",
  ],
  ["output-uri", "pushUri", "pushTo", "the artifact to push"],
  [
    "input-path",
    "path",
    launcher("input"),
    "the folder for the inputs",
    "the working directory, if the pod has inputs",
  ],
  [
    "output-path",
    "path",
    launcher("output"),
    "the file or folder to save, or a pattern; a relative path starts at the working directory of the container",
  ],
  ["output-pipe", "path", launcher("output-pipe"), "also write the command's stdout to this file"],
  ["container", "containerName", "container", "the container whose command the launcher runs", "the only one"],
  ["unpack", "true", "nothing", "accepted for compatibility; a pull always restores folders", "true"],
  ["debug", "flag", both("debug"), "also log requests and stack traces", "false"],
  ["oras-container", "image", "image", "the image of the tools"],
  [
    "oras-env",
    "objectName",
    "envSecret",
    "a Secret; the sidecar reads ORAS_USER, ORAS_PUSH_PASS and ORAS_PULL_PASS from it",
  ],
  ["entrypoint", "url", "nothing", "ignored with a warning, because the image contains the tools"],
  ["oras-entrypoint", "url", "nothing", "ignored with a warning, because the image contains the tools"],
];

const OWN_ROWS: readonly Row[] = [
  ["push-to", "pushReference", "pushTo", "the artifact to push, with its registry"],
  [
    "pull-from",
    "pullReferences",
    "inputs",
    "artifacts to pull, with their registries, one per line; the tag can be a pattern",
    "no input",
  ],
  ["output", "paths", launcher("output"), "the files and folders to save, one per line; patterns are possible"],
  ["input", "path", launcher("input"), "the folder for the inputs", "the working directory, if the pod has inputs"],
  ["container", "containerName", "container", "the container whose command the launcher runs", "the only one"],
  ["image", "image", "image", "the image of the tools"],
  ["env-secret", "objectName", "envSecret", "a Secret with variables for the sidecar, such as ORAS_USER"],
  ["registry-secret", "objectName", "registrySecret", "a pull secret (docker config) that the sidecar uses"],
  [
    "ca-config-map",
    "objectName",
    "authority",
    "a ConfigMap; its file ca.crt is the only certificate authority that the sidecar trusts",
  ],
  [
    "client-certificate-secret",
    "objectName",
    "clientCertificate",
    "a Secret of the type kubernetes.io/tls; the sidecar sends its certificate to the registry",
  ],
  [
    "annotation-config-map",
    "objectName",
    "annotationFile",
    "a ConfigMap; its file annotations.json has annotations of the artifact and of its layers",
  ],
  ["only-if", "condition", both("only-if"), "save the output only if an environment variable has this value"],
  ["allow-missing-output", "flag", launcher("allow-missing-output"), "do not fail if an output is missing", "false"],
  ["output-pipe", "path", launcher("output-pipe"), "also write the command's stdout to this file"],
  ["logs", "flag", launcher("logs"), "also save the command's stdout and stderr", "false"],
  ["timeout", "seconds", launcher("timeout"), "stop the command after this time", "no limit"],
  ["grace", "seconds", launcher("grace"), "the time from SIGTERM to SIGKILL", "20"],
  ["init-timeout", "seconds", launcher("init-timeout"), "how long the launcher waits for the inputs", "no limit"],
  [
    "sidecar-timeout",
    "seconds",
    launcher("sidecar-timeout"),
    "how long the launcher waits for a new sidecar after the old one died",
    "360",
  ],
  [
    "checkpoint",
    "paths",
    launcher("checkpoint"),
    "the files with the state of the command, one per line; patterns are possible; the sidecar pushes them as TAG-checkpoint",
    "no checkpoints",
  ],
  ["checkpoint-every", "seconds", launcher("checkpoint-every"), "the time between two checkpoints", "300"],
  ["quiet", "flag", launcher("quiet"), "the launcher writes no log", "false"],
  [
    "resume",
    "resume",
    sidecar("resume"),
    "continue an interrupted run from TAG-checkpoint; best-effort starts from the beginning if the restore fails",
    "start from the beginning",
  ],
  [
    "skip-done",
    "flag",
    both("skip-done"),
    "do not run the command if its output is already in the registry, with the same inputs and the same cache-key",
    "false",
  ],
  ["cache-key", "text", sidecar("cache-key"), "a text that identifies the run, in addition to its inputs", "no text"],
  [
    "input-count",
    "tagCount",
    sidecar("input-count"),
    "how many tags the patterns of inputs must match",
    "one for each pattern",
  ],
  ["input-timeout", "seconds", sidecar("input-timeout"), "how long to wait for missing inputs", "no wait"],
  [
    "allow-failed-inputs",
    "flag",
    sidecar("allow-failed-inputs"),
    "also accept artifacts of failed and incomplete runs as inputs",
    "false",
  ],
  ["start-timeout", "seconds", sidecar("start-timeout"), "how long to wait for the launcher to start", "no limit"],
  [
    "application-timeout",
    "seconds",
    sidecar("timeout"),
    "how long the sidecar waits for the end of the command",
    "no limit",
  ],
  ["failed-run", "keep", sidecar("failed-run"), "push the output of a failed run as TAG-failed, or discard it", "push"],
  [
    "incomplete-run",
    "keep",
    sidecar("incomplete-run"),
    "push the output of an incomplete run as TAG-incomplete, or discard it",
    "push",
  ],
  ["artifact-type", "mediaType", sidecar("artifact-type"), "the artifact type of the manifest"],
  ["annotation", "keyValues", sidecar("annotation"), "annotations of the artifact, KEY=VALUE, one per line"],
  ["compression", "compression", sidecar("compression"), "how to compress folders: gzip, zstd or none", "gzip"],
  ["compression-level", "level", sidecar("compression-level"), "the compression level, 1 to 9", "5"],
  ["include", "patterns", sidecar("include"), "push entries in folders only if they match, one pattern per line"],
  ["exclude", "patterns", sidecar("exclude"), "skip entries in folders if they match, one pattern per line"],
  ["mountable", "flag", sidecar("mountable"), "make the artifact mountable as an image", "false"],
  ["no-clobber", "flag", sidecar("no-clobber"), "fail if the tag already refers to different content", "false"],
  ["plain-http", "flag", sidecar("plain-http"), "use plain HTTP, or HTTPS if false", "HTTP only for local names"],
  ["insecure", "flag", sidecar("insecure"), "do not verify certificates", "false"],
  ["retry-for", "seconds", sidecar("retry-for"), "how long to retry a failed request", "120"],
  ["concurrency", "count", sidecar("concurrency"), "how many layers to transfer at the same time", "3"],
  ["debug", "flag", both("debug"), "also log requests and stack traces", "false"],
];

/**
 * All annotations that injection reads, except {@link NUMBERED_INPUT}. The function `injectPod` reads this table. The
 * admission policies and docs/annotations.md are generated from this table.
 */
export const ANNOTATIONS: readonly Annotation[] = [
  ...annotations(OPERATOR_PREFIX, OPERATOR_ROWS),
  ...annotations(OWN_PREFIX, OWN_ROWS),
];

/**
 * If the annotation of one of these switches is false, injection writes the value `false` into the command line,
 * because `--plain-http=false` differs from a missing `--plain-http`. If the annotation of any other switch is false,
 * injection writes nothing into the command line.
 */
export const SWITCH_OPTIONS: ReadonlySet<string> = new Set(["plain-http"]);

/** Whether two annotations set the same part of the pod or the same option of the same tools. */
export function setSame({ sets: a }: Annotation, { sets: b }: Annotation): boolean {
  if (typeof a === "string" || typeof b === "string") return a === b && a !== "nothing";
  return a.option === b.option && a.tools.join() === b.tools.join();
}

/**
 * Whether a pod is allowed to have several annotations that set the same part or option as the given annotation. For
 * example, a pod can have several annotations for inputs.
 */
export function addsUp({ sets }: Annotation): boolean {
  return sets === "nothing" || sets === "inputs" || (typeof sets !== "string" && sets.option === "output");
}

/**
 * Pairs of annotations. A pod can have only one annotation of a pair, because both set the same value. In each pair,
 * the annotation of the ORAS Operator comes first.
 */
export const EXCLUSIVE: readonly (readonly [Annotation, Annotation])[] = ANNOTATIONS.flatMap((first, index) =>
  ANNOTATIONS.slice(index + 1)
    .filter((second) => setSame(first, second) && !addsUp(first))
    .map((second) => [first, second] as const),
);
