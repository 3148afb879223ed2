/**
 * Returns the environment variables that tell the command from which checkpoint it was resumed. `number` is the number
 * of the checkpoint. If the command was not resumed, `number` is undefined, and there are no such variables. No tool
 * may read an option from these variables, because the command may start a tool with the same environment.
 */
export function resumedVariables(number: number | undefined): Readonly<Record<string, string>> {
  return number === undefined ? {} : { ORAS_RESUMED: "true", ORAS_RESUMED_FROM: String(number) };
}
