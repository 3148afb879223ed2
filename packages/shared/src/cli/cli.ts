import { constants } from "node:os";
import manifest from "../../../wait-fs/package.json" with { type: "json" };
import {
  COMMON_OPTIONS,
  type CommandLine,
  environmentName,
  helpText,
  type OptionSpecs,
  parseCommandLine,
  type Usage,
} from "./command-line.ts";
import { InterruptedError, oneLine, ToolError } from "./tool-error.ts";

/** What a command gets of the process it runs in. */
export interface Io {
  readonly env: NodeJS.ProcessEnv;
  /** Writes to stdout: the result and nothing else. */
  readonly stdout: (text: string) => void;
  /** Writes to stderr: the log. */
  readonly stderr: (text: string) => void;
  /** How wide the terminal behind stderr is now, in characters; undefined where stderr is none that can be drawn on. */
  readonly columns?: () => number | undefined;
  /** How wide the terminal behind stdout is, in characters; undefined where stdout is none. */
  readonly helpColumns?: () => number | undefined;
  /** A signal that aborts on SIGTERM, SIGINT and SIGHUP; until it is asked for, these keep their usual effect. */
  readonly interrupted: () => AbortSignal;
}

/** A command: how it is called, and what it does. */
export interface Command<S extends OptionSpecs> extends Usage<S> {
  /** Does the work and gives the exit code; failures are thrown. */
  run(line: CommandLine<S & typeof COMMON_OPTIONS>, io: Io): Promise<number>;
}

/** The version of the tools. */
export const VERSION: string = manifest.version;

/** Runs `main` as the whole process: prints what it throws as one line and ends the process with its exit code. */
export async function runProcess(tool: string, main: (argv: string[], io: Io) => Promise<number>): Promise<never> {
  const fail = (error: unknown): never => process.exit(report(tool, error));
  process.on("uncaughtException", fail);
  // A reader that went away (`| head`) is no fault: what is left unsaid has no one to hear it.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  try {
    process.exit(await main(process.argv.slice(2), processIo()));
  } catch (error) {
    return fail(error);
  }
}

/** Runs one command on its arguments; help and version are answered here. Gives the exit code. */
export async function runCommand<const S extends OptionSpecs>(
  command: Command<S>,
  argv: readonly string[],
  io: Io,
): Promise<number> {
  if (argv.length === 1 && argv[0] === "--version") return showVersion(command.name, io);
  const usage = { ...command, options: { ...command.options, ...COMMON_OPTIONS } };
  const line = await parseCommandLine(usage, argv, io.env);
  if (line.options.help) {
    io.stdout(await helpText(usage, io.helpColumns?.()));
    return 0;
  }
  if (line.options.version) return showVersion(command.name, io);
  if (line.options.debug) debugging = true;
  return command.run(line, io);
}

let debugging = /^(1|true|yes|on)$/i.test(process.env[environmentName("debug")] ?? "");

function showVersion(name: string, io: Io): number {
  io.stdout(`${name} ${VERSION}\n`);
  return 0;
}

function report(tool: string, error: unknown): number {
  const failure = error instanceof Error ? error : new Error(String(error));
  if (failure instanceof InterruptedError) {
    process.stderr.write(`${tool}: ${failure.message}\n`);
    return failure.exitCode;
  }
  const known = failure instanceof ToolError ? failure : unexpected(failure);
  const why = known.why === undefined ? "" : ` (${oneLine(known.why)})`;
  process.stderr.write(`${tool}: ${oneLine(known.message)}${why}\n`);
  if (known.hint !== undefined) process.stderr.write(`hint: ${oneLine(known.hint)}\n`);
  if (debugging) process.stderr.write(`${failure.stack ?? ""}\n${causes(failure)}`);
  return known.exitCode;
}

function unexpected(error: Error): ToolError {
  const hint = "this is a fault of the tool; --debug or ORAS_DEBUG=true shows where it happened";
  return new ToolError("software", error.message || error.name, { hint, cause: error });
}

function causes(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : undefined;
  return cause === undefined ? "" : `caused by ${cause.stack}\n${causes(cause)}`;
}

function processIo(): Io {
  let signal: AbortSignal | undefined;
  return {
    env: process.env,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    columns: () => (process.stderr.isTTY && process.env.TERM !== "dumb" ? process.stderr.columns : undefined),
    helpColumns: () => (process.stdout.isTTY ? process.stdout.columns : undefined),
    interrupted: () => {
      signal ??= abortOnSignals(["SIGTERM", "SIGINT", "SIGHUP"]);
      return signal;
    },
  };
}

function abortOnSignals(names: NodeJS.Signals[]): AbortSignal {
  const controller = new AbortController();
  for (const name of names)
    process.on(name, () => controller.abort(new InterruptedError(name, constants.signals[name])));
  return controller.signal;
}
