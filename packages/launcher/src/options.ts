import { basename, resolve } from "node:path";
import { type CommandLine, type OptionSpecs, type Usage, usageError } from "wait-fs/command-line";
import { CONDITION_OPTION, type Condition, parseCondition } from "wait-fs/condition";
import { DEFAULT_SHARE } from "wait-fs/markers";

/** How long an application may take to end after SIGTERM, in seconds: 10 of Kubernetes' 30 are left for the outputs. */
export const DEFAULT_GRACE_SECONDS = 20;

/** What stands for "none" in the operator's form. */
const NONE = "NA";

const OPTIONS = {
  share: { type: "text", value: "DIR", default: DEFAULT_SHARE, describe: "the volume shared with the sidecar" },
  input: { type: "text", value: "PATH", describe: "wait for the inputs that the sidecar pulls, and put them here" },
  output: { type: "list", value: "PATH", describe: "file or folder to save for the sidecar; repeatable" },
  "allow-missing-output": { type: "flag", describe: "an output that the command did not write is no failure" },
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
  quiet: { type: "flag", alias: "q", describe: "no log" },
} as const satisfies OptionSpecs;

/** How `launcher` is called. */
export const USAGE = {
  name: "launcher",
  summary: "Runs a command in a pod, and saves what it wrote for the sidecar that pushes it to a registry.",
  forms: ["[options] -- COMMAND [ARG ...]", "[options] ARTIFACT-INPUT ARTIFACT-OUTPUT COMMAND [ARG ...]"],
  options: OPTIONS,
  wrapsCommand: true,
  notes: [
    "ARTIFACT-INPUT and ARTIFACT-OUTPUT are paths as for --input and --output, NA for none.",
    "Where --only-if is not met, the command is run, and nothing is waited for and nothing saved.",
    "Exit codes: the command's own, 128 + n if signal n ended it, 126 not executable, 127 not found; 64 usage,",
    "66 an input or output is missing, 73 the shared volume cannot be written, 74 the outputs could not be saved,",
    "75 they were not pushed (--wait-push), 124 timed out.",
  ].join("\n"),
} as const satisfies Usage<OptionSpecs>;

/** What `launcher` is to do. */
export interface LaunchPlan {
  readonly share: string;
  /** Where the inputs go; undefined where the step has none. */
  readonly input: string | undefined;
  readonly outputs: readonly string[];
  readonly allowMissingOutput: boolean;
  readonly command: readonly [string, ...string[]];
  readonly initTimeoutSeconds: number | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly graceSeconds: number;
  /** Where it is not met, the command is run and nothing else is done; always met by default. */
  readonly onlyIf: Condition | undefined;
  readonly waitPush: boolean;
  readonly quiet: boolean;
}

/** What a command line of `launcher` asks for; throws a usage failure for one that asks for nothing that can be done. */
export function launchPlan(line: CommandLine<typeof OPTIONS>): LaunchPlan {
  const { options } = line;
  const { input, output, command } = line.dashes ? { input: NONE, output: NONE, command: line.args } : positional(line);
  const [program, ...args] = command;
  if (program === undefined || program === "") throw usageError(USAGE, "no command to run");
  const outputs = [...(output === NONE ? [] : [output]), ...options.output];
  checkOutputs(outputs);
  return {
    share: resolve(options.share),
    input: input === NONE ? options.input : input,
    outputs,
    allowMissingOutput: options["allow-missing-output"],
    command: [program, ...args],
    initTimeoutSeconds: options["init-timeout"],
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
  if (input === "" || output === "") throw usageError(USAGE, `a path is empty; write ${NONE} for none`);
  return { input, output, command };
}

function checkOutputs(outputs: readonly string[]): void {
  const names = new Set<string>();
  for (const output of outputs) {
    const name = basename(resolve(output));
    if (output === "" || name === "") throw usageError(USAGE, `${JSON.stringify(output)} cannot be an output`);
    if (names.has(name)) throw usageError(USAGE, `two outputs are named ${JSON.stringify(name)}`);
    names.add(name);
  }
}
