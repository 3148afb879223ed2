import type { Options } from "yargs";
import { ToolError } from "./tool-error.ts";

interface Described {
  /** One letter, for the short form. */
  readonly alias?: string;
  /** What stands for the value in the help text. */
  readonly value?: string;
  readonly describe: string;
}

interface FlagSpec extends Described {
  readonly type: "flag";
}

interface ListSpec extends Described {
  readonly type: "list";
}

interface TextSpec extends Described {
  readonly type: "text";
  readonly default?: string;
  readonly choices?: readonly string[];
}

interface NumberSpec extends Described {
  readonly type: "number";
  readonly default?: number;
}

/** One option of a command: its type decides what {@link parseCommandLine} gives for it. */
export type OptionSpec = FlagSpec | ListSpec | TextSpec | NumberSpec;

/** The options of a command by their long names. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type OptionalUnlessDefault<S, T> = S extends { default: T } ? T : T | undefined;
type ValueOf<S extends OptionSpec> = S extends { type: "flag" }
  ? boolean
  : S extends { type: "list" }
    ? readonly string[]
    : S extends { type: "number" }
      ? OptionalUnlessDefault<S, number>
      : OptionalUnlessDefault<S, string>;

/** The parsed values of a set of options, by their long names. */
export type OptionValues<S extends OptionSpecs> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** How a command is called. */
export interface Usage<S extends OptionSpecs> {
  /** The command as it is typed, such as `oras-push pull`. */
  readonly name: string;
  /** What it does, in one sentence. */
  readonly summary: string;
  /** The forms of its arguments, the most usual one first, without the name. */
  readonly forms: readonly string[];
  readonly options: S;
  /** Options end at the first argument, as for `env` and `nice`: what follows is another command's. */
  readonly wrapsCommand?: boolean;
  /** More for the help text, such as examples. */
  readonly notes?: string;
}

/** A command line taken apart. */
export interface CommandLine<S extends OptionSpecs> {
  readonly options: OptionValues<S>;
  readonly args: readonly string[];
  /** Whether `--` stood between the options and the arguments. */
  readonly dashes: boolean;
}

/** The options that every command has. */
export const COMMON_OPTIONS = {
  debug: { type: "flag", alias: "d", describe: "say more on stderr: stack traces, requests; never a secret" },
  help: { type: "flag", alias: "h", describe: "show this help" },
  version: { type: "flag", describe: "show the version" },
} as const satisfies OptionSpecs;

const PARSER = {
  "boolean-negation": false,
  "camel-case-expansion": false,
  "dot-notation": false,
  "greedy-arrays": false,
  "parse-numbers": false,
  "parse-positional-numbers": false,
  "populate--": true,
};

/** The name of the environment variable that stands for an option: `plain-http` is `ORAS_PLAIN_HTTP`. */
export function environmentName(option: string): string {
  return `ORAS_${option.replaceAll("-", "_").toUpperCase()}`;
}

/** A usage failure (exit code 64) that also shows the right forms. */
export function usageError(usage: Pick<Usage<OptionSpecs>, "name" | "forms">, message: string): ToolError {
  const forms = usage.forms.map((form) => `${usage.name} ${form}`);
  return new ToolError("usage", message, { why: `usage: ${forms.join(" or ")}` });
}

/**
 * Takes a command's arguments apart; an option that is not among them comes from the environment, then from its default.
 * Throws a usage failure for an unknown option, a missing value, or a value of the wrong type.
 */
export async function parseCommandLine<const S extends OptionSpecs>(
  usage: Usage<S>,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<CommandLine<S>> {
  const parsed: Record<string, unknown> = await (await parser(usage, argv)).parseAsync();
  const rest = (parsed["--"] ?? []) as string[];
  const options: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(usage.options))
    options[name] = optionValue(usage, name, spec, lastUnlessList(spec, parsed[name]), env[environmentName(name)]);
  return {
    options: options as OptionValues<S>,
    args: [...(parsed._ as (string | number)[]).map(String), ...rest],
    dashes: rest.length < argv.length && argv[argv.length - rest.length - 1] === "--",
  };
}

/** How wide a help text is at the most, in characters. */
const HELP_WIDTH = 120;

/** The help text of a command, for a terminal of so many columns; a wider one is not filled. */
export async function helpText<const S extends OptionSpecs>(usage: Usage<S>, columns = HELP_WIDTH): Promise<string> {
  const forms = usage.forms.map((form) => `  ${usage.name} ${form}`).join("\n");
  const environment =
    "Every option can also come from the environment, as ORAS_ and its name: ORAS_DEBUG=true. A list has one value a line.";
  const shown = (await parser(usage, []))
    .usage(`${usage.summary}\n\nUsage:\n${forms}`)
    .wrap(Math.min(columns, HELP_WIDTH));
  // A paragraph's lines are as long as the source's: where the terminal breaks them is its own affair.
  const notes = usage.notes?.replace(/(?<!\n)\n(?!\n)/g, " ");
  return `${await shown.epilogue([notes, environment].filter(Boolean).join("\n\n")).getHelp()}\n`;
}

async function parser<S extends OptionSpecs>(usage: Usage<S>, argv: readonly string[]) {
  const { default: yargs } = await import("yargs");
  return yargs([...argv])
    .scriptName(usage.name)
    .locale("en")
    .help(false)
    .version(false)
    .exitProcess(false)
    .parserConfiguration({ ...PARSER, "halt-at-non-option": usage.wrapsCommand === true })
    .updateStrings({
      "Unknown argument: %s": { one: "unknown option: %s", other: "unknown options: %s" } as unknown as string,
      "Not enough arguments following: %s": "option %s needs a value",
      "Argument unexpected for: %s": "option %s takes no value",
    })
    .options(Object.fromEntries(Object.entries(usage.options).map(([name, spec]) => [name, yargsOption(spec)])))
    .strictOptions()
    .fail((message, error) => {
      throw message ? usageError(usage, message) : error;
    });
}

function yargsOption(spec: OptionSpec): Options {
  const hint = "default" in spec && spec.default !== undefined ? { defaultDescription: String(spec.default) } : {};
  const shared = {
    ...(spec.alias === undefined ? {} : { alias: spec.alias }),
    ...hint,
    describe: spec.value === undefined ? spec.describe : `${spec.value}: ${spec.describe}`,
  };
  // A flag with no value of its own (nargs 0) never takes the next word, not even the commands `true` and `false`.
  if (spec.type === "flag") return { ...shared, boolean: true, nargs: 0 };
  if (spec.type === "list") return { ...shared, array: true, string: true, requiresArg: true };
  return { ...shared, string: true, requiresArg: true };
}

/** An option that is given several times has its last value; only a list has them all. */
function lastUnlessList(spec: OptionSpec, given: unknown): unknown {
  return Array.isArray(given) && spec.type !== "list" ? given.at(-1) : given;
}

function optionValue(
  usage: Usage<OptionSpecs>,
  name: string,
  spec: OptionSpec,
  given: unknown,
  fromEnvironment: string | undefined,
): unknown {
  const inEnvironment = fromEnvironment !== undefined && fromEnvironment !== "";
  const text = given ?? (inEnvironment ? fromEnvironment : undefined);
  const where = given === undefined ? environmentName(name) : `--${name}`;
  if (spec.type === "flag") return given === true || (inEnvironment && flagValue(usage, where, fromEnvironment));
  if (spec.type === "list") return Array.isArray(text) ? text : (text?.toString().split("\n").filter(Boolean) ?? []);
  if (text === undefined) return spec.default;
  if (spec.type === "number") return numberValue(usage, where, String(text));
  if (spec.choices !== undefined && !spec.choices.includes(String(text)))
    throw usageError(usage, `${where} is one of ${spec.choices.join(", ")}, not ${JSON.stringify(text)}`);
  return String(text);
}

function flagValue(usage: Usage<OptionSpecs>, where: string, text: string): boolean {
  if (/^(true|1|yes|on)$/i.test(text)) return true;
  if (/^(false|0|no|off)$/i.test(text)) return false;
  throw usageError(usage, `${where} is true or false, not ${JSON.stringify(text)}`);
}

function numberValue(usage: Usage<OptionSpecs>, where: string, text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) {
    const what = /^-\d/.test(text) ? "0 or more" : "a number";
    throw usageError(usage, `${where} is ${what}, not ${JSON.stringify(text)}`);
  }
  return Number(text);
}
