/**
 * Returns the environment variables that tell the command from which checkpoint it was resumed. `number` is the number
 * of the checkpoint. If the command was not resumed, `number` is undefined, and there are no such variables. None of
 * the names may be the variable of an option, because a command that starts a tool passes its environment on.
 */
export function resumedVariables(number: number | undefined): Readonly<Record<string, string>> {
  return number === undefined ? {} : { ORAS_RESUMED: "true", ORAS_RESUMED_FROM: String(number) };
}
