import { basename, isAbsolute, resolve } from "node:path";
import { type CommandLine, type OptionSpecs, type Usage, usageError } from "shared/cli/command-line";
import { CONDITION_OPTION, parseCondition } from "shared/cli/condition";
import { DEFAULT_SHARE } from "shared/pod/markers";
import type { InstallPlan } from "./install/install.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { mayBePattern } from "./outputs/output-paths.ts";
import { LOG_NAMES } from "./process/streams.ts";
import { DEFAULT_SIDECAR_SECONDS } from "./sidecar-wait.ts";

/** How long an application may take to end after SIGTERM, in seconds: 10 of Kubernetes' 30 are left for the outputs. */
export const DEFAULT_GRACE_SECONDS = 20;

/** What stands for "none" in the operator's form. */
const NONE = "NA";

const OPTIONS = {
  share: { type: "text", value: "DIR", default: DEFAULT_SHARE, describe: "the volume shared with the sidecar" },
  input: { type: "text", value: "PATH", describe: "wait for the inputs that the sidecar pulls, and put them here" },
  output: {
    type: "list",
    value: "PATH",
    describe: "file or folder to save for the sidecar, or a pattern such as 'data/*.xyz'; repeatable",
  },
  "allow-missing-output": { type: "flag", describe: "an output that the command did not write is no failure" },
  "output-pipe": { type: "text", value: "FILE", describe: "write the command's stdout to this file too" },
  logs: { type: "flag", describe: "save the command's stdout and stderr for the sidecar, which pushes them too" },
  "init-timeout": { type: "number", value: "SECONDS", describe: "end with 124 if the inputs are not there by then" },
  timeout: { type: "number", value: "SECONDS", describe: "end the command after this time, with 124" },
  grace: {
    type: "number",
    value: "SECONDS",
    default: DEFAULT_GRACE_SECONDS,
    describe: "from SIGTERM to SIGKILL, for a command that does not end",
  },
  "only-if": CONDITION_OPTION,
  "wait-push": { type: "flag", describe: "end only after the sidecar's push, with 75 if that failed" },
  "sidecar-timeout": {
    type: "number",
    value: "SECONDS",
    default: DEFAULT_SIDECAR_SECONDS,
    describe: "wait this long for a sidecar that died to be started again; then 66 for the inputs, 75 for the push",
  },
  install: {
    type: "text",
    value: "DIR",
    describe: "run nothing: put the tools here, with all that they need to run in any image",
  },
  "mounted-at": { type: "text", value: "DIR", describe: "where they will run, that folder's path, if it differs" },
  quiet: { type: "flag", alias: "q", describe: "no log" },
} as const satisfies OptionSpecs;

/** How `launcher` is called. */
export const USAGE = {
  name: "launcher",
  summary: "Runs a command in a pod, and saves what it wrote for the sidecar that pushes it to a registry.",
  forms: [
    "[options] -- COMMAND [ARG ...]",
    "[options] ARTIFACT-INPUT ARTIFACT-OUTPUT COMMAND [ARG ...]",
    "--install DIR [--mounted-at DIR]",
  ],
  options: OPTIONS,
  wrapsCommand: true,
  notes: [
    "ARTIFACT-INPUT and ARTIFACT-OUTPUT are paths as for --input and --output, NA for none; . is the working directory.",
    "Where --only-if is not met, the command is run, and nothing is waited for and nothing saved.",
    "A command that SIGTERM or --timeout ended has its reason in the done marker and the artifact, whatever its code.",
    "",
    "Exit codes: the command's own, 128 + n if signal n ended it, 126 not executable, 127 not found; 64 usage,",
    "66 an input or output is missing, 73 the shared volume cannot be written, 74 the outputs could not be saved,",
    "75 they were not pushed (--wait-push), 124 timed out.",
  ].join("\n"),
} as const satisfies Usage<OptionSpecs>;

/** The longest path of a loader, in bytes (PATH_MAX, with the NUL that ends it), less what follows the folder's. */
const MAX_FOLDER = 4096 - 64;

/** What a command line asks to install; undefined for one that runs a command. Throws a usage failure where it asks both. */
export function installPlan(line: CommandLine<typeof OPTIONS>): InstallPlan | undefined {
  const { install, "mounted-at": mountedAt } = line.options;
  if (install === undefined) {
    if (mountedAt !== undefined) throw usageError(USAGE, "--mounted-at is for --install");
    return undefined;
  }
  if (line.args.length > 0) throw usageError(USAGE, "--install runs no command");
  if (install === "") throw usageError(USAGE, "--install needs a folder");
  if (mountedAt !== undefined && !isAbsolute(mountedAt)) throw usageError(USAGE, "--mounted-at is an absolute path");
  const folder = resolve(install);
  const place = resolve(mountedAt ?? folder);
  if (Buffer.byteLength(place) > MAX_FOLDER) throw usageError(USAGE, "the path of the folder is too long");
  return { folder, mountedAt: place };
}

/** What a command line of `launcher` asks for; throws a usage failure for one that asks for nothing that can be done. */
export function launchPlan(line: CommandLine<typeof OPTIONS>): LaunchPlan {
  const { options } = line;
  const { input, output, command } = line.dashes ? { input: NONE, output: NONE, command: line.args } : positional(line);
  const [program, ...args] = command;
  if (program === undefined || program === "") throw usageError(USAGE, "no command to run");
  const outputs = [...(output === NONE ? [] : [output]), ...options.output];
  checkOutputs(outputs, options.logs ? Object.values(LOG_NAMES) : []);
  if (options["output-pipe"] === "") throw usageError(USAGE, "--output-pipe needs a file");
  return {
    share: resolve(options.share),
    input: input === NONE ? options.input : input,
    outputs,
    allowMissingOutput: options["allow-missing-output"],
    outputPipe: options["output-pipe"],
    logs: options.logs,
    command: [program, ...args],
    initTimeoutSeconds: options["init-timeout"],
    sidecarTimeoutSeconds: options["sidecar-timeout"],
    timeoutSeconds: options.timeout,
    graceSeconds: options.grace,
    onlyIf: parseCondition(USAGE, options["only-if"]),
    waitPush: options["wait-push"],
    quiet: options.quiet,
  };
}

function positional(line: CommandLine<typeof OPTIONS>) {
  const [input, output, ...command] = line.args;
  if (input === undefined || output === undefined || command.length === 0)
    throw usageError(USAGE, line.args.length === 0 ? "no command to run" : "an input, an output and a command are due");
  if (input.startsWith("-") || output.startsWith("-"))
    throw usageError(USAGE, `${JSON.stringify(output)} is not a path; does the command lack a -- before it?`);
  // Its operands are paths and words of any kind: what tells the form apart is only a command that none has.
  if (command[0] === NONE)
    throw usageError(USAGE, `${NONE} is no command; an output pipe before the input is written as --output-pipe FILE`);
  if (input === "" || output === "") throw usageError(USAGE, `a path is empty; write ${NONE} for none`);
  return { input, output, command };
}

function checkOutputs(outputs: readonly string[], taken: readonly string[]): void {
  const names = new Set(taken);
  for (const output of outputs) {
    const name = basename(resolve(output));
    if (output === "" || name === "") throw usageError(USAGE, `${JSON.stringify(output)} cannot be an output`);
    // What a pattern stands for is known when the command has ended.
    if (mayBePattern(output)) continue;
    if (names.has(name)) throw usageError(USAGE, `two outputs are named ${JSON.stringify(name)}`);
    names.add(name);
  }
}
