import type { OptionSpecs } from "./option-specs.ts";
import { type Usage, usageError } from "./usage.ts";

/** A condition on the environment. The environment meets the condition if the variable `name` has the value `value`. */
export interface Condition {
  readonly name: string;
  readonly value: string;
}

/**
 * The option for a {@link Condition}. The launcher and the sidecar both have this option. Each of them adds its own
 * description.
 */
export const CONDITION_OPTION = { type: "text", placeholder: "NAME=VALUE" } as const;

/** Parses a condition. Returns undefined if there is no text. Throws a usage failure if the text is invalid. */
export function parseCondition(usage: Usage<OptionSpecs>, text: string | undefined): Condition | undefined {
  if (text === undefined) return undefined;
  const equals = text.indexOf("=");
  if (equals <= 0) throw usageError(usage, `--only-if must be NAME=VALUE, not ${JSON.stringify(text)}`);
  return { name: text.slice(0, equals), value: text.slice(equals + 1) };
}

/**
 * Whether an environment meets a condition. An unset variable is treated as empty. If there is no condition, the result
 * is true.
 */
export function isMet(condition: Condition | undefined, env: NodeJS.ProcessEnv): boolean {
  return condition === undefined || (env[condition.name] ?? "") === condition.value;
}
