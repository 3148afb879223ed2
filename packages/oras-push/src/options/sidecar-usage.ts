import { CONDITION_OPTION } from "shared/cli/condition";
import { type OptionSpecs, wholeNumbers } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { DEFAULT_SHARE } from "shared/pod/markers";
import type { KeepPolicy } from "../sidecar/run-outcome.ts";
import { ARTIFACT_OPTIONS } from "./artifact.ts";
import { CONNECTIONS_NOTE, CREDENTIALS_NOTE, PATTERNS_NOTE, REFERENCES_NOTE } from "./notes.ts";
import { REGISTRY_OPTIONS, RESULT_OPTIONS } from "./registry.ts";

const KEEP_POLICIES = ["push", "discard"] as const satisfies readonly KeepPolicy[];

/**
 * The default of `--retry-for`, in seconds. The pod of the sidecar often starts at the same time as the registry, and
 * the sidecar must wait until the registry is ready. Therefore, this default is longer than the default of the other
 * commands.
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
    description: "keep running until SIGTERM; use this option in an init container with restartPolicy: Always",
  },
} as const satisfies OptionSpecs;

const INPUT_OPTIONS = {
  "pull-from": {
    type: "list",
    placeholder: "REFERENCE",
    description: [
      "also pull this artifact as an input; REPOSITORY:PATTERN pulls every tag that matches PATTERN, each into a folder",
      "with the tag's name",
    ].join(" "),
  },
  "input-count": {
    type: "number",
    placeholder: "N",
    range: wholeNumbers(1),
    description: [
      "fail if the patterns of the inputs match fewer than N tags; without this option, fail if one of the patterns",
      "matches no tag",
    ].join(" "),
  },
  "input-timeout": {
    type: "number",
    placeholder: "SECONDS",
    shownDefault: "no wait",
    description: "wait this long for missing inputs; then exit with 124 if an input is still missing",
  },
  "allow-failed-inputs": {
    type: "flag",
    description:
      "also accept artifacts of failed and incomplete runs as inputs; a pattern never matches such artifacts",
  },
} as const satisfies OptionSpecs;

const RUN_OPTIONS = {
  resume: {
    type: "text",
    choices: ["required", "best-effort"],
    implied: "required",
    description: [
      "resume an interrupted run from TAG-checkpoint; with best-effort, start from the beginning if the checkpoint",
      "cannot be restored",
    ].join(" "),
  },
  "skip-done": {
    type: "flag",
    description: [
      "skip the run if PUSH-TO is already the output of a successful run with the same inputs and --cache-key; you",
      "must also set --skip-done for the launcher",
    ].join(" "),
  },
  "cache-key": {
    type: "text",
    placeholder: "TEXT",
    description: "identify the run by its inputs and by TEXT; TEXT can be the version of the application",
  },
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
    description: "push the outputs of a failed application as TAG-failed, or do not push them",
  },
  "incomplete-run": {
    type: "text",
    choices: KEEP_POLICIES,
    default: "push",
    description: "push the outputs of an incomplete run as TAG-incomplete, or do not push them",
  },
} as const satisfies OptionSpecs;

const SIDECAR_REGISTRY_OPTIONS = {
  ...REGISTRY_OPTIONS,
  "retry-for": { ...REGISTRY_OPTIONS["retry-for"], default: DEFAULT_RETRY_SECONDS },
} as const satisfies OptionSpecs;

/** How to call `oras-push sidecar`. */
export const SIDECAR_USAGE = {
  name: "oras-push sidecar",
  summary: "pull the inputs of a step, wait until its application ends, and push the outputs",
  description: [
    "The sidecar pulls the inputs to the volume that it shares with the launcher. When the launcher has run the",
    "application, the sidecar pushes the outputs as an OCI artifact.",
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
      text: "Pull the artifacts of all 8 pods of an Indexed Job, and wait up to an hour for them",
      command: [
        "oras-push sidecar --input-timeout 3600 --input-count 8 'localhost:5000/squares:iter-*'",
        "localhost:5000/squares:sum",
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
        "PULL-FROM and PUSH-TO are references. Write NA instead of a reference if the step has no inputs, or if the",
        "sidecar should push nothing. The second form comes from a later version of the ORAS Operator. In that form,",
        "the word true means that a pull unpacks folders. oras-push always unpacks folders.",
      ].join(" "),
    },
    REFERENCES_NOTE,
    {
      title: "Patterns of tags",
      text: [
        "In PULL-FROM and --pull-from, the tag can be a pattern with *, ?, [a-z] and {a,b}. Tags that end with",
        "-failed, -incomplete or -checkpoint never match.",
      ].join(" "),
    },
    {
      title: "Checkpoints",
      text: [
        "While the application runs, the sidecar pushes the checkpoints of launcher --checkpoint as TAG-checkpoint.",
        "With --resume, it pulls this checkpoint before the application starts, unless the inputs or the --cache-key",
        "have changed, or the run has already succeeded.",
      ].join(" "),
    },
    {
      title: "Skipped runs",
      text: [
        "With --skip-done, the sidecar compares the references and the digests of the inputs, and the text of",
        "--cache-key, with the annotations of the artifact at PUSH-TO. If they are equal, the launcher does not run",
        "the command, and both tools exit with 0.",
      ].join(" "),
    },
    {
      title: "Unsuccessful runs",
      text: [
        "If the launcher died, the sidecar exits with 79. If the launcher could not save its outputs, the sidecar",
        "exits with 66. The sidecar exits with these codes even if it pushed the existing outputs.",
      ].join(" "),
    },
    {
      title: "Conditions",
      text: "If the condition of --only-if is not met, the sidecar pulls and pushes nothing.",
    },
    {
      title: "Native sidecars",
      text: [
        "With --native, SIGTERM means that the pod is ending. The sidecar then pushes the outputs that are not pushed",
        "yet. After that, the sidecar exits with 0, or with the exit code for the last run of the application.",
      ].join(" "),
    },
    PATTERNS_NOTE,
    CREDENTIALS_NOTE,
    CONNECTIONS_NOTE,
  ],
  environment: [
    "POD_NAME, POD_NAMESPACE and NODE_NAME become annotations of the artifact. SOURCE_DATE_EPOCH is a time in seconds",
    "since 1970. If you set this variable, its value is the creation date of the artifact. The times of files in",
    "folders are then at most this value.",
  ].join(" "),
  exitCodes: ["noInput", "unavailable", "cannotCreate", "registry", "notAuthorized", "launcherDied", "timedOut"],
  exitMeanings: {
    success: "the outputs are pushed, or there is nothing to push",
    noInput: "an input cannot be used, or the launcher could not save the outputs",
    cannotCreate: "a file cannot be written, or the tag already refers to different content (--no-clobber)",
  },
} as const satisfies Usage<OptionSpecs>;
