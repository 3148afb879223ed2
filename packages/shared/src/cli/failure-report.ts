import { InterruptedError, oneLine, ToolError } from "./tool-error.ts";

/**
 * Returns the lines that report an error. The first line is `TOOL: MESSAGE (WHY)`. The next line is the hint, if the
 * error has a hint. If `stackTraces` is true, the stack traces of the error and of its causes follow. If a signal ended
 * the tool, the report has only the first line.
 */
export function failureReport(tool: string, error: Error, stackTraces: boolean): string {
  if (error instanceof InterruptedError) return `${tool}: ${error.message}\n`;
  const failure = error instanceof ToolError ? error : internalError(error);
  const why = failure.why === undefined ? "" : ` (${oneLine(failure.why)})`;
  const hint = failure.hint === undefined ? "" : `hint: ${oneLine(failure.hint)}\n`;
  const traces = stackTraces ? `${error.stack ?? ""}\n${causes(error)}` : "";
  return `${tool}: ${oneLine(failure.message)}${why}\n${hint}${traces}`;
}

function internalError(error: Error): ToolError {
  const hint = "this is a bug in the tool; to see the stack trace, use --debug or ORAS_DEBUG=true";
  return new ToolError("software", error.message || error.name, { hint, cause: error });
}

function causes(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : undefined;
  return cause === undefined ? "" : `caused by ${cause.stack}\n${causes(cause)}`;
}
