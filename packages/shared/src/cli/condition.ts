import { type OptionSpecs, type Usage, usageError } from "./command-line.ts";

/** What `--only-if` asks for: a variable of the environment with this value. */
export interface Condition {
  readonly name: string;
  readonly value: string;
}

/** The option for a {@link Condition}; launcher and sidecar of a pod have the same. */
export const CONDITION_OPTION = {
  type: "text",
  value: "NAME=VALUE",
  describe: "do this only where the environment says so, as in JOB_COMPLETION_INDEX=0",
} as const;

/** A condition from its text; throws a usage failure for text that is none. Undefined stands for no condition. */
export function parseCondition(usage: Usage<OptionSpecs>, text: string | undefined): Condition | undefined {
  if (text === undefined) return undefined;
  const equals = text.indexOf("=");
  if (equals <= 0) throw usageError(usage, `--only-if is NAME=VALUE, not ${JSON.stringify(text)}`);
  return { name: text.slice(0, equals), value: text.slice(equals + 1) };
}

/** Whether an environment meets a condition; a variable that is not set has the empty value. None is always met. */
export function isMet(condition: Condition | undefined, env: NodeJS.ProcessEnv): boolean {
  return condition === undefined || (env[condition.name] ?? "") === condition.value;
}
