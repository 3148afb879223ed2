import { type CommandLine, type GivenOptions, readCommandLine } from "./command-line.ts";
import type { Io } from "./io.ts";
import type { OptionSpecs } from "./option-specs.ts";
import { ToolError } from "./tool-error.ts";
import type { Usage } from "./usage.ts";
import { VERSION } from "./version.ts";

/** A command: its usage and its action. */
export interface Command<S extends OptionSpecs> extends Usage<S> {
  /** Does the work of the command, and returns the exit code. Throws if the command fails. */
  run(line: CommandLine<S>, io: Io): Promise<number>;
  /**
   * {@link runCommand} calls this function if the command cannot start its work. There are two reasons: the command
   * line is invalid, or a limit of this process is too low. After this call, `runCommand` throws `failure`. In
   * `options`, an option with an invalid value has its default. A text option without a value has an empty string.
   */
  onRefusal?(failure: ToolError, options: GivenOptions<S>): Promise<void>;
}

/**
 * Runs a command with its arguments, and returns the exit code. With `--help` or `--version`, only prints the help or
 * the version. Throws a usage failure for an invalid command line. Also throws the failures of the command.
 */
export async function runCommand<const S extends OptionSpecs>(
  command: Command<S>,
  argv: readonly string[],
  io: Io,
): Promise<number> {
  // This shortcut avoids loading the parser.
  if (argv.length === 1 && argv[0] === "--version") return showVersion(command.name, io);
  const { line, ...found } = await readCommandLine(command, argv, io.env);
  const failure = found.failure ?? io.limitFailure?.();
  try {
    if (failure !== undefined) throw failure;
    return await runLine(command, line, io);
  } catch (error) {
    const refused = error instanceof ToolError && (error === failure || error.code === "usage");
    if (refused) await command.onRefusal?.(error, line.options);
    throw error;
  }
}

async function runLine<S extends OptionSpecs>(command: Command<S>, line: CommandLine<S>, io: Io): Promise<number> {
  const { help, version, debug } = line.options as GivenOptions<OptionSpecs>;
  if (help) {
    const { helpText } = await import("./help.ts");
    io.stdout(helpText(command, io.helpColumns?.()));
    return 0;
  }
  if (version) return showVersion(command.name, io);
  if (debug) io.showStackTraces?.();
  return command.run(line, io);
}

function showVersion(name: string, io: Io): number {
  io.stdout(`${name} ${VERSION}\n`);
  return 0;
}
