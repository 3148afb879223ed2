/**
 * Returns the environment variables that tell the command from which checkpoint it was resumed. `number` is the number
 * of the checkpoint. If the command was not resumed, `number` is undefined, and this function returns no variables. The
 * tools must not read options from these variables, because the command may start one of the tools, and this tool
 * inherits the variables.
 */
export function resumedVariables(number: number | undefined): Readonly<Record<string, string>> {
  return number === undefined ? {} : { ORAS_RESUMED: "true", ORAS_RESUMED_FROM: String(number) };
}
