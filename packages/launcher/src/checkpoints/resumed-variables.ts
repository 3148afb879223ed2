/**
 * Returns the environment variables that tell the command from which checkpoint it was resumed. `number` is the number
 * of the checkpoint. If the command was not resumed, `number` is undefined, and this function returns no variables. If
 * the command starts one of the tools, this tool inherits the variables. Therefore, no option of the tools may take its
 * value from them.
 */
export function resumedVariables(number: number | undefined): Readonly<Record<string, string>> {
  return number === undefined ? {} : { ORAS_RESUMED: "true", ORAS_RESUMED_FROM: String(number) };
}
