import { EXIT_CODES, type FailureCode } from "./exit-codes.ts";
import { COMMON_OPTIONS, type OptionSpec, type OptionSpecs } from "./option-specs.ts";
import { environmentName } from "./option-values.ts";
import type { Definition } from "./text-layout.ts";
import type { Usage } from "./usage.ts";

/** A group of options with a title. */
export interface OptionGroup {
  readonly title: string;
  readonly options: OptionSpecs;
}

/** The options of a command in groups, as help texts show them. The common options come last. */
export function optionGroups(usage: Usage<OptionSpecs>): readonly OptionGroup[] {
  const groups = Object.entries(usage.groups ?? {}).map(([title, options]) => ({ title, options }));
  const grouped = new Set(groups.flatMap(({ options }) => Object.keys(options)));
  const others = Object.entries(usage.options).filter(([name]) => !grouped.has(name));
  return [...groups, { title: "Common options", options: { ...Object.fromEntries(others), ...COMMON_OPTIONS } }];
}

/** All options of a command, in the order of help texts. */
export function allOptions(usage: Usage<OptionSpecs>): OptionSpecs {
  return Object.assign({}, ...optionGroups(usage).map(({ options }) => options));
}

/** The names of an option, with their dashes. The short name comes first. */
export function optionNames(name: string, { alias }: OptionSpec): readonly string[] {
  return alias === undefined ? [`--${name}`] : [`-${alias}`, `--${name}`];
}

/**
 * Returns the text that help texts show after the name of an option, such as `[=best-effort]`. The text is empty if the
 * option has no implied value.
 */
export function optionalValue(spec: OptionSpec): string {
  const implied = impliedValue(spec);
  if (implied === undefined || !("choices" in spec)) return "";
  return `[=${spec.choices?.filter((choice) => choice !== implied).join("|")}]`;
}

function impliedValue(spec: OptionSpec): string | undefined {
  return spec.type === "text" ? spec.implied : undefined;
}

/**
 * The placeholder for the value of an option, such as `DIR` or `text|json`. Returns undefined for a flag, and for an
 * option whose value can be omitted.
 */
export function valueName(spec: OptionSpec): string | undefined {
  if (spec.type === "flag" || impliedValue(spec) !== undefined) return undefined;
  return spec.placeholder ?? ("choices" in spec ? spec.choices?.join("|") : undefined) ?? "VALUE";
}

/**
 * Returns the description of an option. If the option has a default, the text also contains this default. If the option
 * can be repeated, the text also contains `(repeatable)`. No-break spaces (U+00A0) keep the default on one line.
 */
export function optionText(spec: OptionSpec): string {
  const defaultValue = spec.shownDefault ?? ("default" in spec ? spec.default : undefined);
  const details = [
    ...(spec.type === "list" ? ["(repeatable)"] : []),
    ...(defaultValue === undefined ? [] : [`(default: ${defaultValue})`.replaceAll(" ", "\u00a0")]),
  ];
  return [spec.description, ...details].join(" ");
}

/** The exit codes of a command and their meanings, sorted by number. */
export function exitCodeDefinitions({ exitCodes, exitMeanings = {} }: Usage<OptionSpecs>): readonly Definition[] {
  const names = new Set<FailureCode>(["usage", "software", ...exitCodes]);
  const failures = [...names].map(
    (name) => [EXIT_CODES[name].code, exitMeanings[name] ?? EXIT_CODES[name].meaning] as const,
  );
  return [
    ["0", exitMeanings.success ?? "success"],
    ...failures.sort(([a], [b]) => a - b).map(([code, meaning]): Definition => [String(code), meaning]),
    ["128+n", "ended by signal n"],
  ];
}

/**
 * Describes the environment variables that set the options of a command, and the other variables that the command
 * reads.
 */
export function environmentText(usage: Usage<OptionSpecs>): string {
  const flags = Object.entries(allOptions(usage)).flatMap(([name, { type }]) => (type === "flag" ? [name] : []));
  const flag = flags.includes("plain-http") ? "plain-http" : (flags[0] as string);
  const every = "Each option except --help and --version can also be set by an environment variable.";
  const options = `${every} For example, ${environmentName(flag)}=true sets --${flag}.`;
  const lists = "For a repeatable option, write one value per line into the variable.";
  const precedence = "An option on the command line overrides its variable.";
  return [options, lists, precedence, usage.environment].filter(Boolean).join(" ");
}
