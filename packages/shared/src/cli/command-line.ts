import type { Options } from "yargs";
import { COMMON_OPTIONS, type OptionSpec, type OptionSpecs, type OptionValues } from "./option-specs.ts";
import { readValue } from "./option-values.ts";
import { suggestion } from "./suggestion.ts";
import { takeSwitchValues } from "./switches.ts";
import type { ToolError } from "./tool-error.ts";
import { type Usage, usageError } from "./usage.ts";

/** The parsed values of a command's options and of the common options. */
export type GivenOptions<S extends OptionSpecs> = OptionValues<S & typeof COMMON_OPTIONS>;

/** A parsed command line. */
export interface CommandLine<S extends OptionSpecs> {
  readonly options: GivenOptions<S>;
  readonly args: readonly string[];
  /** Whether `--` separates the options from the arguments. */
  readonly dashes: boolean;
}

/** The result of {@link readCommandLine}. */
export interface ReadCommandLine<S extends OptionSpecs> {
  /**
   * The valid parts of the command line. An option with an invalid value gets its default. A text option without a
   * value gets an empty string.
   */
  readonly line: CommandLine<S>;
  /** The first usage failure. Undefined if the command line is valid. */
  readonly failure: ToolError | undefined;
}

/** The result of yargs. */
interface Found {
  readonly given: ReadonlyMap<string, readonly string[]>;
  readonly args: readonly string[];
  readonly dashes: boolean;
  readonly problem: string | undefined;
}

const PARSER = {
  "boolean-negation": false,
  "camel-case-expansion": false,
  "dot-notation": false,
  "greedy-arrays": false,
  "parse-numbers": false,
  "parse-positional-numbers": false,
  "populate--": true,
};

const UNKNOWN_OPTION = "unknown option";

/**
 * The texts that replace messages of yargs. {@link UNKNOWN_OPTION} contains no name. The other texts start with the
 * name of the option, without dashes.
 */
const MESSAGES = {
  "Unknown argument: %s": { one: UNKNOWN_OPTION, other: UNKNOWN_OPTION } as unknown as string,
  "Not enough arguments following: %s": "%s needs a value",
  "Argument unexpected for: %s": "%s takes no value",
};

/**
 * Parses the arguments of a command. If an option is missing, its value comes from the environment. If the environment
 * has no value either, the option gets its default. Throws a usage failure for an unknown option, a missing value, or
 * an invalid value.
 */
export async function parseCommandLine<const S extends OptionSpecs>(
  usage: Usage<S>,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<CommandLine<S>> {
  const { line, failure } = await readCommandLine(usage, argv, env);
  if (failure !== undefined) throw failure;
  return line;
}

/** Parses like {@link parseCommandLine}, but also returns the valid parts of an invalid command line. */
export async function readCommandLine<const S extends OptionSpecs>(
  usage: Usage<S>,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ReadCommandLine<S>> {
  const specs: OptionSpecs = { ...usage.options, ...COMMON_OPTIONS };
  const found = await findOptions(specs, argv, usage.wrapsCommand === true);
  const values: Record<string, unknown> = {};
  let { problem } = found;
  for (const [name, spec] of Object.entries(specs)) {
    const read = readValue(name, spec, found.given.get(name), env);
    values[name] = read.value;
    problem ??= read.problem;
  }
  return {
    line: { options: values as GivenOptions<S>, args: found.args, dashes: found.dashes },
    failure: problem === undefined ? undefined : usageError(usage, problem),
  };
}

async function findOptions(specs: OptionSpecs, words: readonly string[], wrapsCommand: boolean): Promise<Found> {
  // A word of a wrapped command may look like a switch. Therefore, `takeSwitchValues` must not change a wrapped
  // command.
  const { argv, given } = wrapsCommand ? { argv: words, given: [] } : takeSwitchValues(specs, words);
  const { parsed, message } = await parseWithYargs(specs, argv, wrapsCommand);
  const rest = (parsed["--"] ?? []) as string[];
  return {
    given: new Map([...givenTexts(specs, parsed, message), ...given]),
    args: [...(parsed._ as (string | number)[]).map(String), ...rest],
    dashes: rest.length < argv.length && argv[argv.length - rest.length - 1] === "--",
    problem: message?.startsWith(UNKNOWN_OPTION) ? unknownOptions(specs, parsed) : message && dashed(message),
  };
}

/** Parses with yargs. After a failure, `parsed` contains the valid options. */
async function parseWithYargs(specs: OptionSpecs, argv: readonly string[], wrapsCommand: boolean) {
  const { default: yargs } = await import("yargs");
  let message: string | undefined;
  // The second argument replaces the working directory. Without this argument, yargs would look up the working
  // directory, and would fail if the directory was deleted.
  const parser = yargs([...argv], "/")
    .locale("en")
    .help(false)
    .version(false)
    .exitProcess(false)
    .parserConfiguration({ ...PARSER, "halt-at-non-option": wrapsCommand })
    .updateStrings(MESSAGES)
    .options(Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, yargsOption(spec)])))
    .strictOptions()
    .fail((text, error) => {
      message = text;
      throw error ?? new Error(text);
    });
  try {
    await parser.parseAsync();
  } catch (error) {
    if (!message) throw error;
  }
  return {
    parsed: (parser.parsed as Exclude<typeof parser.parsed, false>).argv as Readonly<Record<string, unknown>>,
    message,
  };
}

function yargsOption(spec: OptionSpec): Options {
  const alias = spec.alias === undefined ? {} : { alias: spec.alias };
  // By default, yargs takes the word `true` or `false` after a flag as the value of the flag. `nargs: 0` prevents this.
  if (spec.type === "flag" || (spec.type === "text" && spec.implied !== undefined))
    return { ...alias, boolean: true, nargs: 0 };
  return { ...alias, string: true, requiresArg: true, ...(spec.type === "list" ? { array: true } : {}) };
}

/**
 * Returns the values of the options on the command line. The keys of the map are the names of the options. Each value
 * is a text. If a value is missing, the text is empty.
 */
function givenTexts(specs: OptionSpecs, parsed: Readonly<Record<string, unknown>>, message = "") {
  const incomplete = /^(\S+) needs a value$/.exec(message)?.[1];
  const given = new Map<string, readonly string[]>();
  for (const [name, { alias }] of Object.entries(specs)) {
    const value = parsed[name];
    if (value !== undefined) given.set(name, [value].flat().map(String));
    else if (incomplete !== undefined && (incomplete === name || incomplete === alias)) given.set(name, [""]);
  }
  return given;
}

function unknownOptions(specs: OptionSpecs, parsed: Readonly<Record<string, unknown>>): string {
  const known = new Set(["_", "$0", "--"]);
  for (const [name, { alias = name }] of Object.entries(specs)) known.add(name).add(alias);
  const unknown = Object.keys(parsed).filter((name) => !known.has(name));
  const meant = unknown.length === 1 ? suggestion(unknown[0] as string, Object.keys(specs)) : undefined;
  const names = `${UNKNOWN_OPTION}${unknown.length > 1 ? "s" : ""} ${unknown.map(dashed).join(", ")}`;
  return meant === undefined ? names : `${names}; did you mean --${meant}?`;
}

/** Adds dashes before a text that starts with the name of an option: `-` if the name is one character, else `--`. */
function dashed(text: string): string {
  return /^.( |$)/.test(text) ? `-${text}` : `--${text}`;
}
