import { CONDITION_OPTION } from "shared/cli/condition";
import { ABOVE_ZERO, type OptionSpecs } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { DEFAULT_SHARE } from "shared/pod/markers";

/**
 * The default of `--grace`, in seconds. Kubernetes allows 30 seconds for the end of a pod. With this default, the
 * command can use 20 of these seconds, and at least 10 seconds remain to save the outputs.
 */
export const DEFAULT_GRACE_SECONDS = 20;

/**
 * The default number of seconds to wait for a new sidecar after a sidecar died. The kubelet waits up to five minutes
 * before it restarts a crashed container (Kubernetes, "Pod Lifecycle", container restarts). One more minute is for the
 * start of the container.
 */
const DEFAULT_SIDECAR_SECONDS = 360;

/** The default of `--checkpoint-every`, in seconds. */
export const DEFAULT_CHECKPOINT_SECONDS = 300;

const DATA_OPTIONS = {
  share: {
    type: "text",
    placeholder: "DIR",
    default: DEFAULT_SHARE,
    description: "folder that the launcher and the sidecar share",
  },
  input: {
    type: "text",
    placeholder: "DIR",
    description: "wait until the sidecar has pulled the inputs, and copy the inputs to DIR before the command runs",
  },
  output: {
    type: "list",
    placeholder: "PATH[:TYPE]",
    description: [
      "save this file or folder, or all paths that match a pattern such as 'data/*.xyz'; TYPE is the media type of the",
      "layer",
    ].join(" "),
  },
  "allow-missing-output": { type: "flag", description: "do not fail if the command does not write an output" },
  "output-pipe": { type: "text", placeholder: "FILE", description: "also write the command's stdout to FILE" },
  logs: { type: "flag", description: "save the command's stdout and stderr as additional outputs" },
} as const satisfies OptionSpecs;

const WAITING_OPTIONS = {
  "skip-done": {
    type: "flag",
    description: [
      "wait for the sidecar, and do not run the command if the sidecar finds the output of an earlier run; you must",
      "also set --skip-done for oras-push sidecar",
    ].join(" "),
  },
  "init-timeout": {
    type: "number",
    placeholder: "SECONDS",
    shownDefault: "no limit",
    description: "exit with 124 if the sidecar has not pulled the inputs after this time",
  },
  "sidecar-timeout": {
    type: "number",
    placeholder: "SECONDS",
    default: DEFAULT_SIDECAR_SECONDS,
    description: [
      "if the sidecar dies, wait this long for a new sidecar; if none starts, exit with 66 (inputs are missing) or 75",
      "(the outputs are not pushed)",
    ].join(" "),
  },
  "wait-push": {
    type: "flag",
    description: "wait until the sidecar has pushed the outputs; exit with 75 if the push fails",
  },
} as const satisfies OptionSpecs;

const RUNNING_OPTIONS = {
  timeout: {
    type: "number",
    placeholder: "SECONDS",
    shownDefault: "no limit",
    description: "stop the command after this time, and exit with 124",
  },
  grace: {
    type: "number",
    placeholder: "SECONDS",
    default: DEFAULT_GRACE_SECONDS,
    description: "after SIGTERM, wait this long for the end of the command, and then send SIGKILL",
  },
  "only-if": {
    ...CONDITION_OPTION,
    description: "wait for inputs and save outputs only if the environment variable NAME has this VALUE",
  },
} as const satisfies OptionSpecs;

const CHECKPOINT_OPTIONS = {
  checkpoint: {
    type: "list",
    placeholder: "PATTERN",
    description: [
      "while the command runs, save checkpoints of the files that match PATTERN; the sidecar pushes the newest checkpoint as",
      "TAG-checkpoint",
    ].join(" "),
  },
  "checkpoint-every": {
    type: "number",
    placeholder: "SECONDS",
    shownDefault: String(DEFAULT_CHECKPOINT_SECONDS),
    range: ABOVE_ZERO,
    description: "time between two checkpoints; there is no checkpoint if no file has changed",
  },
  "checkpoint-now": { type: "flag", description: "request a checkpoint of the running command, and exit" },
} as const satisfies OptionSpecs;

const INSTALLATION_OPTIONS = {
  install: { type: "text", placeholder: "DIR", description: "install the tools into DIR and exit" },
  "mounted-at": {
    type: "text",
    placeholder: "DIR",
    description: "path of the tools in the application's container, if this path differs from the DIR of --install",
  },
} as const satisfies OptionSpecs;

/** How to call `launcher`. */
export const USAGE = {
  name: "launcher",
  summary: "run a command in a pod, and save the command's outputs for the sidecar",
  description: [
    "The launcher waits for the inputs that the sidecar pulls, and then runs the command. After that, the launcher",
    "saves the outputs on the shared volume, and the sidecar pushes the outputs to a registry. The launcher exits with",
    "the exit code of the command.",
  ].join(" "),
  forms: [
    "[options] -- COMMAND [ARG ...]",
    "[options] ARTIFACT-INPUT ARTIFACT-OUTPUT COMMAND [ARG ...]",
    "--install DIR [--mounted-at DIR]",
    "--checkpoint-now",
  ],
  options: {
    ...DATA_OPTIONS,
    ...WAITING_OPTIONS,
    ...RUNNING_OPTIONS,
    ...CHECKPOINT_OPTIONS,
    ...INSTALLATION_OPTIONS,
    quiet: { type: "flag", alias: "q", description: "write no log" },
  },
  groups: {
    "Input and output options": DATA_OPTIONS,
    "Waiting options": WAITING_OPTIONS,
    "Running options": RUNNING_OPTIONS,
    "Checkpoint options": CHECKPOINT_OPTIONS,
    "Installation options": INSTALLATION_OPTIONS,
  },
  wrapsCommand: true,
  examples: [
    { text: "Run a command, and save a folder", command: "launcher --output results -- make results" },
    {
      text: "Wait for inputs, and exit only when the outputs are in the registry",
      command: "launcher --input /tmp/in --output '/tmp/out/*.csv' --wait-push -- ./average /tmp/in /tmp/out",
    },
    {
      text: "Save a folder, with the arguments of the ORAS Operator",
      command: "launcher NA results make results",
    },
    {
      text: "Install the tools on the shared volume, so that a container of any image can run the tools",
      command: "launcher --install /mnt/oras/bin",
    },
  ],
  notes: [
    {
      title: "Arguments",
      text: [
        "ARTIFACT-INPUT means the same as --input, and ARTIFACT-OUTPUT means the same as --output. Write NA if there",
        "is no input or no output. Write . for the working directory.",
      ].join(" "),
    },
    {
      title: "Patterns",
      text: [
        "The pattern of an --output can contain *, **, ?, [a-z] and {a,b}. The launcher searches for matching paths",
        "after the command has ended. A name with a leading dot matches only if the pattern contains the dot. A",
        "pattern does not follow symbolic links to folders after its first pattern character.",
      ].join(" "),
    },
    {
      title: "Checkpoints",
      text: [
        "A checkpoint contains only files that have not changed for 2 seconds. The launcher takes a checkpoint after",
        "the time of --checkpoint-every, after --checkpoint-now, after SIGTERM, and at the end of a failed command. If",
        "the sidecar has the option --resume, the launcher restores the newest checkpoint before the command starts.",
        "The command then has the variables ORAS_RESUMED=true and ORAS_RESUMED_FROM=NUMBER.",
      ].join(" "),
    },
    {
      title: "Stopped commands",
      text: [
        "If SIGTERM or --timeout stops the command, the done marker and the artifact contain the reason, even if the",
        "command exits with 0.",
      ].join(" "),
    },
    {
      title: "Conditions",
      text: [
        "If the condition of --only-if is not met, the launcher only runs the command. The launcher then does not wait",
        "for inputs, and saves no outputs.",
      ].join(" "),
    },
  ],
  exitNote: [
    "The launcher exits with the exit code of the command, or with 128+n if signal n ended the command. The launcher",
    "exits with one of the following codes if it could not run the command, or if the command succeeded but the",
    "launcher failed:",
  ].join(" "),
  exitCodes: ["noInput", "cannotCreate", "copyFailed", "notPushed", "timedOut", "notExecutable", "notFound"],
  exitMeanings: {
    success: "the command succeeded",
    noInput: "an input or an output is missing",
    cannotCreate: "the shared volume cannot be written",
    copyFailed: "the outputs could not be saved",
    notPushed: "the sidecar did not push the outputs (--wait-push)",
    timedOut: "timed out (--timeout, --init-timeout)",
  },
} as const satisfies Usage<OptionSpecs>;
