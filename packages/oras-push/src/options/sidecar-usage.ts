import { CONDITION_OPTION } from "shared/cli/condition";
import type { OptionSpecs } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { DEFAULT_SHARE } from "shared/pod/markers";
import type { KeepPolicy } from "../sidecar/run-outcome.ts";
import { ARTIFACT_OPTIONS } from "./artifact.ts";
import { CONNECTIONS_NOTE, CREDENTIALS_NOTE, PATTERNS_NOTE, REFERENCES_NOTE } from "./notes.ts";
import { REGISTRY_OPTIONS, RESULT_OPTIONS } from "./registry.ts";

const KEEP_POLICIES = ["push", "discard"] as const satisfies readonly KeepPolicy[];

/**
 * The default of `--retry-for`, in seconds. It is longer than the default of a push, because a registry and the pod
 * often start together.
 */
const DEFAULT_RETRY_SECONDS = 120;

const POD_OPTIONS = {
  share: {
    type: "text",
    placeholder: "DIR",
    default: DEFAULT_SHARE,
    description: "folder that the sidecar and the launcher share",
  },
  "only-if": { ...CONDITION_OPTION, description: "pull and push only if the environment variable NAME has this VALUE" },
  native: {
    type: "flag",
    description: "run until SIGTERM; set this in an init container with restartPolicy: Always",
  },
} as const satisfies OptionSpecs;

const INPUT_OPTIONS = {
  "pull-from": { type: "list", placeholder: "REFERENCE", description: "also pull this artifact" },
  "input-timeout": {
    type: "number",
    placeholder: "SECONDS",
    shownDefault: "no wait",
    description: "wait this long for inputs that are not in the registry yet, then exit with 124",
  },
  "allow-failed-inputs": { type: "flag", description: "accept inputs from failed or incomplete runs" },
} as const satisfies OptionSpecs;

const RUN_OPTIONS = {
  "start-timeout": {
    type: "number",
    placeholder: "SECONDS",
    shownDefault: "no limit",
    description: "exit with 124 if no launcher has started after this time",
  },
  timeout: {
    type: "number",
    placeholder: "SECONDS",
    shownDefault: "no limit",
    description: "exit with 124 if the application has not ended after this time",
  },
  "failed-run": {
    type: "text",
    choices: KEEP_POLICIES,
    default: "push",
    description: "if the application failed, push the outputs to TAG-failed, or discard them",
  },
  "incomplete-run": {
    type: "text",
    choices: KEEP_POLICIES,
    default: "push",
    description: "if the launcher died, push the existing outputs to TAG-incomplete, or discard them",
  },
} as const satisfies OptionSpecs;

const SIDECAR_REGISTRY_OPTIONS = {
  ...REGISTRY_OPTIONS,
  "retry-for": { ...REGISTRY_OPTIONS["retry-for"], default: DEFAULT_RETRY_SECONDS },
} as const satisfies OptionSpecs;

/** How to call `oras-push sidecar`. */
export const SIDECAR_USAGE = {
  name: "oras-push sidecar",
  summary: "pull the inputs of a step in a pod, wait for its application, and push its outputs",
  description: [
    "The sidecar pulls the inputs onto the volume that it shares with the launcher, and waits until the launcher has",
    "run the application. Then it pushes the outputs as an OCI artifact.",
  ].join(" "),
  forms: ["[options] PULL-FROM PUSH-TO", "[options] PUSH-TO true PULL-FROM ..."],
  options: {
    ...POD_OPTIONS,
    ...INPUT_OPTIONS,
    ...RUN_OPTIONS,
    ...ARTIFACT_OPTIONS,
    ...RESULT_OPTIONS,
    ...SIDECAR_REGISTRY_OPTIONS,
  },
  groups: {
    "Pod options": POD_OPTIONS,
    "Input options": INPUT_OPTIONS,
    "Run options": RUN_OPTIONS,
    "Artifact options": ARTIFACT_OPTIONS,
    "Output options": RESULT_OPTIONS,
    "Registry options": SIDECAR_REGISTRY_OPTIONS,
  },
  examples: [
    {
      text: "Push the outputs of a step without inputs",
      command: "oras-push sidecar NA localhost:5000/metric/hwloc:iter-0",
    },
    {
      text: "Wait up to an hour for the outputs of two steps, and pull them as inputs",
      command: [
        "oras-push sidecar --input-timeout 3600 --pull-from localhost:5000/workflow/even:run-0",
        "localhost:5000/workflow/odd:run-0 localhost:5000/workflow/all:run-0",
      ].join(" "),
    },
    {
      text: "Give each pod of an Indexed Job its own tag",
      command: "oras-push sidecar NA 'localhost:5000/squares:iter-{JOB_COMPLETION_INDEX}'",
    },
    {
      text: "Run as a native sidecar, and push nothing if the application failed",
      command: "oras-push sidecar --native --failed-run discard NA localhost:5000/metric/hwloc:iter-0",
    },
  ],
  notes: [
    {
      title: "Arguments",
      text: [
        "PULL-FROM and PUSH-TO are references. Write NA for no reference. The second form comes from a later version",
        "of the ORAS Operator. In that form, the word true means that a pull unpacks the outputs. oras-push always",
        "unpacks the outputs.",
      ].join(" "),
    },
    REFERENCES_NOTE,
    {
      title: "Unsuccessful runs",
      text: [
        "If the launcher died, the sidecar exits with 79. If the launcher could not save its outputs, the sidecar",
        "exits with 66. These exit codes do not depend on whether the sidecar pushed the existing outputs.",
      ].join(" "),
    },
    {
      title: "Conditions",
      text: "If the condition of --only-if is not met, the sidecar pulls and pushes nothing.",
    },
    {
      title: "Native sidecars",
      text: [
        "With --native, SIGTERM means that the pod is ending. The sidecar pushes the existing outputs, and exits with",
        "the exit code of the last push.",
      ].join(" "),
    },
    PATTERNS_NOTE,
    CREDENTIALS_NOTE,
    CONNECTIONS_NOTE,
  ],
  environment: [
    "POD_NAME, POD_NAMESPACE and NODE_NAME become annotations of the artifact. SOURCE_DATE_EPOCH is a time in seconds",
    "since 1970. It sets the creation date of the artifact, and the latest time of files in folders.",
  ].join(" "),
  exitCodes: ["noInput", "unavailable", "cannotCreate", "registry", "notAuthorized", "launcherDied", "timedOut"],
  exitMeanings: {
    success: "the outputs are pushed, or there is nothing to push",
    noInput: "an input cannot be used, or the launcher could not save the outputs",
    cannotCreate: "a file cannot be written, or the tag points to other content (--no-clobber)",
  },
} as const satisfies Usage<OptionSpecs>;
