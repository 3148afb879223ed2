import { basename, isAbsolute, resolve } from "node:path";
import type { CommandLine } from "shared/cli/command-line";
import { parseCondition } from "shared/cli/condition";
import { parseFutureTypedPath, type TypedPath } from "shared/cli/media-type";
import type { ToolError } from "shared/cli/tool-error";
import { absolutePath, usageError } from "shared/cli/usage";
import type { InstallPlan } from "./install/install.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { mayBePattern } from "./outputs/pattern.ts";
import { LOG_NAMES } from "./process/streams.ts";
import { DEFAULT_CHECKPOINT_SECONDS, USAGE } from "./usage.ts";

/** The value of ARTIFACT-INPUT or ARTIFACT-OUTPUT that means "none". */
const NONE = "NA";

/**
 * The maximum length of the installation folder's path, in bytes. The loader is in this folder, and the path of the
 * loader may have at most 4096 bytes (PATH_MAX). Of these bytes, 64 are reserved for the loader's name and the final
 * NUL.
 */
const MAX_FOLDER_BYTES = 4096 - 64;

/** The input, the output and the command. All forms of the command line are converted to these three parts. */
interface Operands {
  /** `NA` if there is no input. */
  readonly input: string;
  /** `NA` if there is no output. */
  readonly output: string;
  readonly command: readonly string[];
}

/**
 * Converts a command line to the plan of an installation. Returns undefined if the command line has no `--install`.
 * Throws a usage failure if `--install` is used together with a command.
 */
export function installPlan({ args, options }: CommandLine<typeof USAGE.options>): InstallPlan | undefined {
  const { install, "mounted-at": mountedAt } = options;
  if (install === undefined) {
    if (mountedAt !== undefined) throw usageError(USAGE, "--mounted-at needs --install");
    return undefined;
  }
  if (args.length > 0) throw usageError(USAGE, "--install takes no command");
  if (mountedAt !== undefined && !isAbsolute(mountedAt))
    throw usageError(USAGE, `--mounted-at must be an absolute path, not ${JSON.stringify(mountedAt)}`);
  const folder = absolutePath(USAGE, install);
  const finalFolder = resolve(mountedAt ?? folder);
  const length = Buffer.byteLength(finalFolder);
  if (length > MAX_FOLDER_BYTES)
    throw usageError(USAGE, `the folder's path must have at most ${MAX_FOLDER_BYTES} bytes, not ${length}`);
  return { folder, mountedAt: finalFolder };
}

/**
 * Converts a command line to the plan of a launch. Throws a usage failure for missing, empty or conflicting arguments.
 */
export function launchPlan(line: CommandLine<typeof USAGE.options>): LaunchPlan {
  const { options } = line;
  const { input, output, command } = line.dashes
    ? { input: NONE, output: NONE, command: line.args }
    : operands(line.args);
  const [program, ...args] = command;
  if (program === undefined || program === "") throw usageError(USAGE, "no command to run");
  if (options["checkpoint-every"] !== undefined && options.checkpoint.length === 0)
    throw usageError(USAGE, "--checkpoint-every needs --checkpoint");
  const outputs = [...(output === NONE ? [] : [output]), ...options.output].map(parseFutureTypedPath);
  checkOutputs(outputs, options.logs ? Object.values(LOG_NAMES) : []);
  const place = input === NONE ? options.input : input;
  for (const path of [place, options["output-pipe"]]) if (path !== undefined) absolutePath(USAGE, path);
  return {
    share: absolutePath(USAGE, options.share),
    input: place,
    skipDone: options["skip-done"],
    checkpoints: options.checkpoint.map((pattern) => absolutePath(USAGE, pattern)),
    checkpointSeconds: options["checkpoint-every"] ?? DEFAULT_CHECKPOINT_SECONDS,
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
    throw usageError(USAGE, "expected INPUT OUTPUT COMMAND or -- COMMAND");
  if (input.startsWith("-") || output.startsWith("-"))
    throw usageError(USAGE, `${JSON.stringify(output)} is not a path; perhaps you must write -- before the command`);
  if (command[0]?.startsWith("-")) throw optionAsCommand(input, output, command);
  // The ORAS Operator also supports the form PIPE INPUT OUTPUT COMMAND. The launcher does not support this form, and
  // takes OUTPUT as the command. It can detect this form only if OUTPUT is NA, because no command is named NA.
  if (command[0] === NONE)
    throw usageError(USAGE, `${NONE} is not a command; if there is an output pipe, write --output-pipe FILE`);
  if (input === "" || output === "") throw usageError(USAGE, `a path must not be empty; write ${NONE} for none`);
  return { input, output, command };
}

/**
 * Returns the failure for a command that starts with a dash. The user either forgot an operand, or wrote an unnecessary
 * `--` between the operands and the command.
 */
function optionAsCommand(input: string, output: string, command: readonly string[]): ToolError {
  const [first, second] = command;
  const right = first === "--" ? [input, output, second ?? "COMMAND"] : [input, NONE, output, first];
  const hint = `expected ARTIFACT-INPUT ARTIFACT-OUTPUT COMMAND: launcher ${right.join(" ")} ...`;
  return usageError(USAGE, `${JSON.stringify(first)} is not a command`, hint);
}

function checkOutputs(outputs: readonly TypedPath[], taken: readonly string[]): void {
  const names = new Set(taken);
  for (const { path } of outputs) {
    const name = basename(absolutePath(USAGE, path));
    if (path === "" || name === "") throw usageError(USAGE, `${JSON.stringify(path)} cannot be an output`);
    // Skips a pattern, because the names of its matches are known only after the command has ended.
    if (mayBePattern(path)) continue;
    if (names.has(name)) throw usageError(USAGE, `two outputs are named ${JSON.stringify(name)}`);
    names.add(name);
  }
}
