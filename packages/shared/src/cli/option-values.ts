import type { OptionSpec } from "./option-specs.ts";

/**
 * The value of an option. If the given text is invalid, `value` is the default, and `problem` describes the problem.
 */
export interface ReadValue {
  readonly value: unknown;
  /** A phrase such as `--wait must be a number, not "x"`; undefined if the value is valid. */
  readonly problem?: string;
}

/** The name of the environment variable that sets an option: `plain-http` is `ORAS_PLAIN_HTTP`. */
export function environmentName(option: string): string {
  return `ORAS_${option.replaceAll("-", "_").toUpperCase()}`;
}

/**
 * Reads the value of an option from `given`, the texts on the command line. If there are none, reads the environment,
 * and then uses the default. A list option takes all of its texts, any other option takes the last text. An empty
 * variable counts as unset.
 */
export function readValue(
  name: string,
  spec: OptionSpec,
  given: readonly string[] | undefined,
  env: NodeJS.ProcessEnv,
): ReadValue {
  const variable = env[environmentName(name)] || undefined;
  if (spec.type === "list") return { value: given ?? variable?.split("\n").filter(Boolean) ?? [] };
  if (spec.type === "flag") return given === undefined ? flagValue(environmentName(name), variable) : { value: true };
  const text = given?.at(-1) ?? variable;
  if (text === undefined) return { value: spec.default };
  const problem = problemOf(spec, text);
  if (problem === undefined) return { value: spec.type === "number" ? Number(text) : text };
  const source = given === undefined ? environmentName(name) : `--${name}`;
  return { value: spec.default, problem: `${source} must be ${problem}, not ${JSON.stringify(text)}` };
}

function problemOf(spec: Extract<OptionSpec, { type: "text" | "number" }>, text: string): string | undefined {
  if (spec.type === "text")
    return spec.choices === undefined || spec.choices.includes(text) ? undefined : spec.choices.join(" or ");
  if (/^\d+(\.\d+)?$/.test(text)) return undefined;
  return /^-\d/.test(text) ? "0 or more" : "a number";
}

function flagValue(variable: string, text: string | undefined): ReadValue {
  if (text === undefined || /^(false|0|no|off)$/i.test(text)) return { value: false };
  if (/^(true|1|yes|on)$/i.test(text)) return { value: true };
  return { value: false, problem: `${variable} must be true or false, not ${JSON.stringify(text)}` };
}
