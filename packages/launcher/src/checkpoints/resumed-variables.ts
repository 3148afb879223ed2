/**
 * Returns the environment variables that tell the command from which checkpoint it was resumed. `number` is the number
 * of the checkpoint. If the command was not resumed, `number` is undefined, and this function returns no variables. No
 * option of the tools may take its value from these variables, because a tool that the command starts inherits these
 * variables.
 */
export function resumedVariables(number: number | undefined): Readonly<Record<string, string>> {
  return number === undefined ? {} : { ORAS_RESUMED: "true", ORAS_RESUMED_FROM: String(number) };
}
