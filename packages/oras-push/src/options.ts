import { readFileSync } from "node:fs";
import { type CommandLine, type OptionSpecs, type Usage, usageError } from "wait-fs/command-line";
import { CONDITION_OPTION, type Condition, parseCondition } from "wait-fs/condition";
import { DEFAULT_SHARE } from "wait-fs/markers";
import { reasonOf, ToolError } from "wait-fs/tool-error";
import { DEFAULT_LEVEL } from "./gzip.ts";
import { type LayerPath, titleOf } from "./layer.ts";
import type { Annotations } from "./oci/descriptor.ts";
import { parseReference, type Reference, ReferenceSyntaxError } from "./oci/reference.ts";
import type { KeepPolicy, OutcomePolicies } from "./run-outcome.ts";

/** Layers that are sent or fetched at the same time, as in `oras`. */
const DEFAULT_CONCURRENCY = 3;

/** What stands for "none" in the operator's form. */
const NONE = "NA";

const KEEP_POLICIES = ["push", "discard"] as const satisfies readonly KeepPolicy[];

const REGISTRY_OPTIONS = {
  "plain-http": { type: "flag", describe: "speak plain HTTP; the default for localhost, loopback and *.svc names" },
  insecure: { type: "flag", describe: "do not check certificates; plain HTTP where the registry speaks no TLS" },
  "ca-file": { type: "text", value: "FILE", describe: "certificate authority of the registry, PEM" },
  "cert-file": { type: "text", value: "FILE", describe: "client certificate, PEM" },
  "key-file": { type: "text", value: "FILE", describe: "key of the client certificate, PEM" },
  "registry-config": { type: "text", value: "FILE", describe: "docker config with credentials, or a folder with one" },
  username: { type: "text", alias: "u", value: "NAME", describe: "user at the registry (also ORAS_USER)" },
  "password-stdin": { type: "flag", describe: "read the password from stdin" },
  "retry-for": {
    type: "number",
    value: "SECONDS",
    describe: "how long failures of a request are met with another try",
  },
  concurrency: { type: "number", value: "N", default: DEFAULT_CONCURRENCY, describe: "layers at the same time" },
  format: { type: "text", choices: ["text", "json"], default: "text", describe: "text|json: the result on stdout" },
  "termination-message": {
    type: "text",
    value: "FILE",
    default: "/dev/termination-log",
    describe: "write reference and digest here if the file exists",
  },
} as const satisfies OptionSpecs;

const ARTIFACT_OPTIONS = {
  "artifact-type": { type: "text", value: "TYPE", describe: "artifact type of the manifest" },
  annotation: { type: "list", alias: "a", value: "KEY=VALUE", describe: "annotation of the manifest; repeatable" },
  "compression-level": { type: "number", value: "1-9", default: DEFAULT_LEVEL, describe: "gzip level of folders" },
} as const satisfies OptionSpecs;

const PUSH_OPTIONS = { ...REGISTRY_OPTIONS, ...ARTIFACT_OPTIONS } as const satisfies OptionSpecs;

const PULL_OPTIONS = {
  ...REGISTRY_OPTIONS,
  output: { type: "text", alias: "o", value: "DIR", default: ".", describe: "folder for what is pulled" },
  "keep-old-files": { type: "flag", alias: "k", describe: "fail where a file is there already, do not replace it" },
} as const satisfies OptionSpecs;

const SIDECAR_OPTIONS = {
  ...REGISTRY_OPTIONS,
  ...ARTIFACT_OPTIONS,
  share: { type: "text", value: "DIR", default: DEFAULT_SHARE, describe: "the volume shared with the launcher" },
  "pull-from": { type: "list", value: "REFERENCE", describe: "one more artifact to pull; repeatable" },
  "start-timeout": { type: "number", value: "SECONDS", describe: "end with 124 if no launcher has started by then" },
  timeout: { type: "number", value: "SECONDS", describe: "end with 124 if the application is not done by then" },
  "failed-run": {
    type: "text",
    choices: KEEP_POLICIES,
    default: "push",
    describe: "push|discard: what an application that failed wrote goes to the tag with -failed behind it, or nowhere",
  },
  "incomplete-run": {
    type: "text",
    choices: KEEP_POLICIES,
    default: "push",
    describe: "push|discard: what is there when the launcher died goes to the tag with -incomplete, or nowhere",
  },
  "allow-failed-inputs": { type: "flag", describe: "take inputs from runs that failed or are incomplete, too" },
  "only-if": CONDITION_OPTION,
  native: { type: "flag", describe: "stay until SIGTERM, as an init container with restartPolicy: Always has to" },
} as const satisfies OptionSpecs;

const CREDENTIALS_NOTE = [
  "Credentials: --username with --password-stdin; ORAS_USER with ORAS_PUSH_PASS or ORAS_PULL_PASS; or a docker config",
  "(--registry-config, $DOCKER_CONFIG, ~/.docker), also one mounted as .dockerconfigjson. Never on the command line.",
].join("\n");

const SIDECAR_NOTE = [
  "PULL-FROM and PUSH-TO are references, NA for none. Where --only-if is not met, nothing is pulled and nothing pushed.",
  "A launcher that died ends the sidecar with 79, one that could not save its outputs with 66, whatever was pushed.",
  "With --native, SIGTERM means that the pod is ending: what is there is pushed; the exit code is that of the last push.",
].join("\n");

const EXIT_NOTE = [
  "Exit codes: 0 done, 64 usage, 66 a path is missing or unreadable, 69 the registry cannot be reached, 73 an output",
  "cannot be written, 76 the registry answered with an error, 77 not authorised, 124 timed out, 128 + n signal n.",
].join("\n");

/** How `oras-push` pushes. */
export const PUSH_USAGE = {
  name: "oras-push",
  summary: "Pushes files and folders to a registry as an OCI artifact. Also: oras-push pull, oras-push sidecar.",
  forms: ["[options] REFERENCE [PATH[:MEDIA-TYPE] ...]"],
  options: PUSH_OPTIONS,
  notes: `${CREDENTIALS_NOTE}\n\n${EXIT_NOTE}`,
} as const satisfies Usage<OptionSpecs>;

/** How `oras-push pull` is called. */
export const PULL_USAGE = {
  name: "oras-push pull",
  summary: "Pulls artifacts from a registry and restores their files and folders.",
  forms: ["[options] REFERENCE ... [-o DIR]"],
  options: PULL_OPTIONS,
  notes: `${CREDENTIALS_NOTE}\n\n${EXIT_NOTE}`,
} as const satisfies Usage<OptionSpecs>;

/** How `oras-push sidecar` is called. */
export const SIDECAR_USAGE = {
  name: "oras-push sidecar",
  summary: "Pulls a step's inputs, waits for its application, and pushes its outputs.",
  forms: ["[options] PULL-FROM PUSH-TO"],
  options: SIDECAR_OPTIONS,
  notes: `${SIDECAR_NOTE}\n\n${CREDENTIALS_NOTE}\n\n${EXIT_NOTE}`,
} as const satisfies Usage<OptionSpecs>;

/** How a registry is spoken to, as the command line says it. */
export interface RegistryPlan {
  readonly plainHttp: boolean;
  readonly insecure: boolean;
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly registryConfig: string | undefined;
  readonly username: string | undefined;
  /** Read from stdin. */
  readonly password: string | undefined;
  readonly retrySeconds: number | undefined;
  readonly concurrency: number;
  readonly format: string;
  readonly terminationMessage: string;
  readonly debug: boolean;
}

/** How an artifact is made, as the command line says it. */
export interface ArtifactPlan {
  readonly artifactType: string | undefined;
  readonly annotations: Annotations;
  readonly level: number;
}

/** What `oras-push` is to do. */
export interface PushPlan extends RegistryPlan, ArtifactPlan {
  readonly reference: Reference;
  readonly paths: readonly LayerPath[];
}

/** What `oras-push pull` is to do. */
export interface PullPlan extends RegistryPlan {
  readonly references: readonly Reference[];
  readonly folder: string;
  readonly keepOldFiles: boolean;
}

/** What `oras-push sidecar` is to do. */
export interface SidecarPlan extends RegistryPlan, ArtifactPlan, OutcomePolicies {
  readonly share: string;
  readonly pullFrom: readonly Reference[];
  readonly pushTo: Reference | undefined;
  readonly startTimeoutSeconds: number | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly allowFailedInputs: boolean;
  /** Where it is not met there is nothing to do; always met by default. */
  readonly onlyIf: Condition | undefined;
  readonly native: boolean;
}

type Line<U extends Usage<OptionSpecs>> = CommandLine<U["options"] & { debug: { type: "flag"; describe: string } }>;

/** What a command line of `oras-push` asks for; throws a usage failure, or `noInput` for a file that can't be read. */
export function pushPlan(line: Line<typeof PUSH_USAGE>): PushPlan {
  const [reference, ...paths] = line.args;
  if (reference === undefined) throw usageError(PUSH_USAGE, "no reference to push to");
  return {
    ...registryPlan(PUSH_USAGE, line.options),
    ...artifactPlan(PUSH_USAGE, line.options),
    reference: pushReference(PUSH_USAGE, reference),
    paths: layerPaths(paths),
  };
}

/** What a command line of `oras-push pull` asks for; throws as {@link pushPlan} does. */
export function pullPlan(line: Line<typeof PULL_USAGE>): PullPlan {
  if (line.args.length === 0) throw usageError(PULL_USAGE, "no reference to pull from");
  return {
    ...registryPlan(PULL_USAGE, line.options),
    references: line.args.map((text) => pullReference(PULL_USAGE, text)),
    folder: line.options.output,
    keepOldFiles: line.options["keep-old-files"],
  };
}

/** What a command line of `oras-push sidecar` asks for; throws as {@link pushPlan} does. */
export function sidecarPlan(line: Line<typeof SIDECAR_USAGE>): SidecarPlan {
  const [pullFrom, pushTo, ...more] = line.args;
  if (pullFrom === undefined || pushTo === undefined || more.length > 0)
    throw usageError(SIDECAR_USAGE, "one PULL-FROM and one PUSH-TO are due");
  const sources = [...(pullFrom === NONE ? [] : [pullFrom]), ...line.options["pull-from"]];
  return {
    ...registryPlan(SIDECAR_USAGE, line.options),
    ...artifactPlan(SIDECAR_USAGE, line.options),
    share: line.options.share,
    pullFrom: sources.map((text) => pullReference(SIDECAR_USAGE, text)),
    pushTo: pushTo === NONE ? undefined : pushReference(SIDECAR_USAGE, pushTo),
    startTimeoutSeconds: line.options["start-timeout"],
    timeoutSeconds: line.options.timeout,
    failedRun: line.options["failed-run"] as KeepPolicy,
    incompleteRun: line.options["incomplete-run"] as KeepPolicy,
    allowFailedInputs: line.options["allow-failed-inputs"],
    onlyIf: parseCondition(SIDECAR_USAGE, line.options["only-if"]),
    native: line.options.native,
  };
}

function registryPlan(
  usage: Usage<OptionSpecs>,
  options: Line<typeof PUSH_USAGE>["options"] | Line<typeof PULL_USAGE>["options"],
): RegistryPlan {
  if ((options["cert-file"] === undefined) !== (options["key-file"] === undefined))
    throw usageError(usage, "--cert-file and --key-file go together");
  if (options["password-stdin"] && options.username === undefined)
    throw usageError(usage, "--password-stdin goes with --username");
  if (!Number.isInteger(options.concurrency) || options.concurrency < 1)
    throw usageError(usage, "--concurrency is a whole number from 1");
  return {
    plainHttp: options["plain-http"],
    insecure: options.insecure,
    ca: readOptionFile(options["ca-file"]),
    cert: readOptionFile(options["cert-file"]),
    key: readOptionFile(options["key-file"]),
    registryConfig: options["registry-config"],
    username: options.username,
    password: options["password-stdin"] ? readFileSync(0, "utf8").replace(/\r?\n$/, "") : undefined,
    retrySeconds: options["retry-for"],
    concurrency: options.concurrency,
    format: options.format,
    terminationMessage: options["termination-message"],
    debug: options.debug,
  };
}

function artifactPlan(
  usage: Usage<OptionSpecs>,
  options: Line<typeof PUSH_USAGE>["options"] | Line<typeof SIDECAR_USAGE>["options"],
): ArtifactPlan {
  const level = options["compression-level"];
  if (!Number.isInteger(level) || level < 1 || level > 9)
    throw usageError(usage, "--compression-level is a whole number from 1 to 9");
  return {
    artifactType: options["artifact-type"],
    annotations: Object.fromEntries(options.annotation.map((text) => annotation(usage, text))),
    level,
  };
}

function annotation(usage: Usage<OptionSpecs>, text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals <= 0) throw usageError(usage, `--annotation is KEY=VALUE, not ${JSON.stringify(text)}`);
  return [text.slice(0, equals).trim(), text.slice(equals + 1)];
}

function layerPaths(texts: readonly string[]): LayerPath[] {
  const titles = new Set<string>();
  return texts.map((text) => {
    const layer = layerPath(text);
    const title = titleOf(layer.path);
    if (layer.path === "" || title === "") throw usageError(PUSH_USAGE, `${JSON.stringify(text)} cannot be pushed`);
    if (titles.has(title)) throw usageError(PUSH_USAGE, `two paths are named ${JSON.stringify(title)}`);
    titles.add(title);
    return layer;
  });
}

/** `PATH[:MEDIA-TYPE]`, split at the last colon; a colon that no media type follows belongs to the path. */
function layerPath(text: string): LayerPath {
  const colon = text.lastIndexOf(":");
  const mediaType = text.slice(colon + 1);
  if (colon < 0 || !MEDIA_TYPE.test(mediaType)) return { path: text };
  return { path: text.slice(0, colon), mediaType };
}

/** RFC 6838, section 4.2. */
const MEDIA_TYPE = /^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/;

function pushReference(usage: Usage<OptionSpecs>, text: string): Reference {
  const reference = referenceOf(usage, text);
  if (reference.digest !== undefined) throw usageError(usage, `${text} names a digest; a push goes to a tag`);
  return reference;
}

function pullReference(usage: Usage<OptionSpecs>, text: string): Reference {
  const reference = referenceOf(usage, text);
  if (reference.tag === undefined && reference.digest === undefined)
    throw usageError(usage, `${text} has neither a tag nor a digest`);
  return reference;
}

function referenceOf(usage: Usage<OptionSpecs>, text: string): Reference {
  try {
    return parseReference(text);
  } catch (error) {
    if (!(error instanceof ReferenceSyntaxError)) throw error;
    throw usageError(usage, `${JSON.stringify(text)} is not a reference: ${error.message}`);
  }
}

function readOptionFile(path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    throw new ToolError("noInput", `cannot read ${path}`, { why: reasonOf(error), cause: error });
  }
}
