import { FROM_ZERO, type OptionSpec } from "./option-specs.ts";

/** The value of an option. If the given text is invalid, `value` is the default, and `problem` says what is wrong. */
export interface ReadValue {
  readonly value: unknown;
  /** A phrase such as `--wait must be a number, not "x"`. Undefined if the value is valid. */
  readonly problem?: string;
}

/** Joins words for a message, as in `text, json or csv`. */
export function alternatives(words: readonly string[]): string {
  return [...(words.length > 1 ? [words.slice(0, -1).join(", ")] : []), ...words.slice(-1)].join(" or ");
}

/** The name of the environment variable that sets an option. For `plain-http`, the name is `ORAS_PLAIN_HTTP`. */
export function environmentName(option: string): string {
  return `ORAS_${option.replaceAll("-", "_").toUpperCase()}`;
}

/**
 * Reads the value of an option. `given` contains the option's texts from the command line. If `given` is undefined,
 * this function reads the environment variable of the option. If this variable is unset or empty, the option gets its
 * default. A list option uses all texts in `given`. Any other option uses only the last text. An empty text on the
 * command line is invalid.
 */
export function readValue(
  name: string,
  spec: OptionSpec,
  given: readonly string[] | undefined,
  env: NodeJS.ProcessEnv,
): ReadValue {
  const variable = (spec.environment !== false && env[environmentName(name)]) || undefined;
  const source = given === undefined ? environmentName(name) : `--${name}`;
  if (spec.type === "list") return listValue(source, given ?? variable?.split("\n").filter(Boolean) ?? []);
  const text = given?.at(-1) ?? variable;
  if (spec.type === "flag") {
    if (text === undefined) return { value: spec.switch ? undefined : false };
    return flagValue(source, text);
  }
  if (text === undefined) return { value: spec.default };
  if (text === "" && spec.type === "text") return { value: text, problem: `${source} must not be empty` };
  const problem = problemOf(spec, text);
  if (problem === undefined) return { value: spec.type === "number" ? Number(text) : text };
  return { value: spec.default, problem: `${source} must be ${problem}, not ${JSON.stringify(text)}` };
}

function listValue(source: string, texts: readonly string[]): ReadValue {
  return { value: texts, ...(texts.includes("") ? { problem: `${source} must not be empty` } : {}) };
}

function problemOf(spec: Extract<OptionSpec, { type: "text" | "number" }>, text: string): string | undefined {
  if (spec.type === "text")
    return spec.choices === undefined || spec.choices.includes(text) ? undefined : alternatives(spec.choices);
  if (!/^-?\d+(\.\d+)?$/.test(text)) return "a number";
  const range = spec.range ?? FROM_ZERO;
  return range.includes(Number(text)) ? undefined : range.words;
}

function flagValue(source: string, text: string): ReadValue {
  if (/^(false|0|no|off)$/i.test(text)) return { value: false };
  if (/^(true|1|yes|on)$/i.test(text)) return { value: true };
  return { value: false, problem: `${source} must be true or false, not ${JSON.stringify(text)}` };
}
