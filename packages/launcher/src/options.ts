import { basename, isAbsolute, resolve } from "node:path";
import type { CommandLine } from "shared/cli/command-line";
import { parseCondition } from "shared/cli/condition";
import { usageError } from "shared/cli/usage";
import type { InstallPlan } from "./install/install.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { mayBePattern } from "./outputs/output-paths.ts";
import { LOG_NAMES } from "./process/streams.ts";
import { USAGE } from "./usage.ts";

/** The word for "none" in the form with ARTIFACT-INPUT and ARTIFACT-OUTPUT. */
const NONE = "NA";

/**
 * The maximum length of the installation folder's path, in bytes: PATH_MAX, which includes a NUL, minus the rest of the
 * loader's path.
 */
const MAX_FOLDER_BYTES = 4096 - 64;

/** The input, the output and the command of a command line in one of its two forms. */
interface Operands {
  /** `NA` if there is none. */
  readonly input: string;
  /** `NA` if there is none. */
  readonly output: string;
  readonly command: readonly string[];
}

/**
 * Converts a command line that installs the tools. Undefined if the command line runs a command. Throws a usage failure
 * if it does both.
 */
export function installPlan({ args, options }: CommandLine<typeof USAGE.options>): InstallPlan | undefined {
  const { install, "mounted-at": mountedAt } = options;
  if (install === undefined) {
    if (mountedAt !== undefined) throw usageError(USAGE, "--mounted-at needs --install");
    return undefined;
  }
  if (args.length > 0) throw usageError(USAGE, "--install takes no command");
  if (install === "") throw usageError(USAGE, "--install must not be empty");
  if (mountedAt !== undefined && !isAbsolute(mountedAt))
    throw usageError(USAGE, `--mounted-at must be an absolute path, not ${JSON.stringify(mountedAt)}`);
  const folder = resolve(install);
  const finalFolder = resolve(mountedAt ?? folder);
  const length = Buffer.byteLength(finalFolder);
  if (length > MAX_FOLDER_BYTES)
    throw usageError(USAGE, `the folder's path must have at most ${MAX_FOLDER_BYTES} bytes, not ${length}`);
  return { folder, mountedAt: finalFolder };
}

/** Converts a command line that runs a command. Throws a usage failure for missing, empty or conflicting arguments. */
export function launchPlan(line: CommandLine<typeof USAGE.options>): LaunchPlan {
  const { options } = line;
  const { input, output, command } = line.dashes
    ? { input: NONE, output: NONE, command: line.args }
    : operands(line.args);
  const [program, ...args] = command;
  if (program === undefined || program === "") throw usageError(USAGE, "no command to run");
  const outputs = [...(output === NONE ? [] : [output]), ...options.output];
  checkOutputs(outputs, options.logs ? Object.values(LOG_NAMES) : []);
  if (options["output-pipe"] === "") throw usageError(USAGE, "--output-pipe must not be empty");
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

function operands(args: readonly string[]): Operands {
  const [input, output, ...command] = args;
  if (input === undefined) throw usageError(USAGE, "no command to run");
  if (output === undefined || command.length === 0)
    throw usageError(USAGE, "expected an input, an output and a command, or -- before the command");
  if (input.startsWith("-") || output.startsWith("-"))
    throw usageError(USAGE, `${JSON.stringify(output)} is not a path; is a -- missing before the command?`);
  // The form PIPE INPUT OUTPUT COMMAND of the ORAS Operator can be detected only if OUTPUT is NA, because no command
  // has this name.
  if (command[0] === NONE)
    throw usageError(USAGE, `${NONE} is not a command; if there is an output pipe, write --output-pipe FILE`);
  if (input === "" || output === "") throw usageError(USAGE, `a path must not be empty; write ${NONE} for none`);
  return { input, output, command };
}

function checkOutputs(outputs: readonly string[], taken: readonly string[]): void {
  const names = new Set(taken);
  for (const output of outputs) {
    const name = basename(resolve(output));
    if (output === "" || name === "") throw usageError(USAGE, `${JSON.stringify(output)} cannot be an output`);
    // The matches of a pattern are known only when the command has ended.
    if (mayBePattern(output)) continue;
    if (names.has(name)) throw usageError(USAGE, `two outputs are named ${JSON.stringify(name)}`);
    names.add(name);
  }
}
