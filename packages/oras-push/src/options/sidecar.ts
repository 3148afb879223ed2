import {
  type COMMON_OPTIONS,
  type CommandLine,
  type OptionSpecs,
  type Usage,
  usageError,
} from "shared/cli/command-line";
import { CONDITION_OPTION, type Condition, parseCondition } from "shared/cli/condition";
import { DEFAULT_SHARE } from "shared/pod/markers";
import type { KeepPolicy } from "../sidecar/run-outcome.ts";
import { ARTIFACT_OPTIONS, artifactPlan, PATTERN_NOTE } from "./artifact.ts";
import type { SidecarPlan } from "../sidecar/sidecar-plan.ts";
import { NONE, pullReference, pushReference } from "./references.ts";
import {
  CREDENTIALS_NOTE,
  EXIT_NOTE,
  NETWORK_NOTE,
  REGISTRY_OPTIONS,
  type RegistryPlan,
  registryPlan,
} from "./registry.ts";

const KEEP_POLICIES = ["push", "discard"] as const satisfies readonly KeepPolicy[];

const SIDECAR_OPTIONS = {
  ...REGISTRY_OPTIONS,
  ...ARTIFACT_OPTIONS,
  share: { type: "text", value: "DIR", default: DEFAULT_SHARE, describe: "the volume shared with the launcher" },
  "pull-from": { type: "list", value: "REFERENCE", describe: "one more artifact to pull; repeatable" },
  "input-timeout": {
    type: "number",
    value: "SECONDS",
    describe: "wait this long for inputs that are not in the registry yet, then end with 124; none by default",
  },
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

/** How `oras-push sidecar` is called. */
export const SIDECAR_USAGE = {
  name: "oras-push sidecar",
  summary: "Pulls a step's inputs, waits for its application, and pushes its outputs.",
  forms: ["[options] PULL-FROM PUSH-TO", "[options] PUSH-TO true PULL-FROM ..."],
  options: SIDECAR_OPTIONS,
  notes: [
    [
      "PULL-FROM and PUSH-TO are references, NA for none. {NAME} in one stands for the environment variable NAME, as in",
      "localhost:5000/run:{JOB_COMPLETION_INDEX}. POD_NAME, POD_NAMESPACE and NODE_NAME become annotations. The second form is",
      "the operator's later one: true says that what is pushed is unpacked when it is pulled, as it always is here.",
    ].join("\n"),
    [
      "Where --only-if is not met, nothing is pulled and nothing pushed. A launcher that died ends the sidecar with 79, one",
      "that could not save its outputs with 66, whatever was pushed. With --native, SIGTERM means that the pod is ending:",
      "what is there is pushed; the exit code is that of the last push.",
    ].join("\n"),
    PATTERN_NOTE,
    CREDENTIALS_NOTE,
    NETWORK_NOTE,
    EXIT_NOTE,
  ].join("\n\n"),
} as const satisfies Usage<OptionSpecs>;

/** A parsed command line of `oras-push sidecar`. */
export interface SidecarCommandPlan extends SidecarPlan, RegistryPlan {
  /** If it is not met, the sidecar does nothing; always met by default. */
  readonly onlyIf: Condition | undefined;
}

/** What a command line of `oras-push sidecar` asks for; throws a usage failure, or `noInput` for a file that can't be read. */
export function sidecarPlan(
  { args, options }: CommandLine<typeof SIDECAR_OPTIONS & typeof COMMON_OPTIONS>,
  env: NodeJS.ProcessEnv,
): SidecarCommandPlan {
  const { pullFrom, pushTo } = operands(args);
  const form = { usage: SIDECAR_USAGE, env };
  const sources = [...pullFrom.filter((text) => text !== NONE), ...options["pull-from"]];
  return {
    ...registryPlan(SIDECAR_USAGE, options),
    ...artifactPlan(SIDECAR_USAGE, options),
    share: options.share,
    pullFrom: sources.map((text) => pullReference(form, text)),
    pushTo: pushTo === NONE ? undefined : pushReference(form, pushTo),
    inputTimeoutSeconds: options["input-timeout"],
    startTimeoutSeconds: options["start-timeout"],
    timeoutSeconds: options.timeout,
    failedRun: options["failed-run"] as KeepPolicy,
    incompleteRun: options["incomplete-run"] as KeepPolicy,
    allowFailedInputs: options["allow-failed-inputs"],
    onlyIf: parseCondition(SIDECAR_USAGE, options["only-if"]),
    native: options.native,
  };
}

/** The operator's first form has two operands, its later one three or more: the second is then no reference but a word. */
function operands(args: readonly string[]): { readonly pullFrom: readonly string[]; readonly pushTo: string } {
  const [first, second, ...more] = args;
  if (first !== undefined && second !== undefined && more.length === 0) return { pullFrom: [first], pushTo: second };
  if (first !== undefined && second === "true") return { pullFrom: more, pushTo: first };
  if (second === "false")
    throw usageError(SIDECAR_USAGE, "what is pushed is always unpacked when it is pulled: write true");
  throw usageError(SIDECAR_USAGE, "one PULL-FROM and one PUSH-TO are due");
}
