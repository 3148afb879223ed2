import { EXIT_CODES, type FailureCode, signalExitCode } from "./exit-codes.ts";

/** The parts of a {@link ToolError} besides its message. */
export interface FailureFacts {
  /** The cause in a few words. The error report shows the cause in parentheses after the message. */
  readonly why?: string;
  /** The next step for the user. The error report shows this hint on its second line. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An expected failure. It has a message of one line, an exit code, and an optional hint. */
export class ToolError extends Error {
  override readonly name: string = "ToolError";
  readonly code: FailureCode;
  readonly why: string | undefined;
  readonly hint: string | undefined;

  constructor(code: FailureCode, message: string, facts: FailureFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.why = facts.why;
    this.hint = facts.hint;
  }

  /** The exit code of a process that ends with this failure. */
  get exitCode(): number {
    return EXIT_CODES[this.code].code;
  }
}

/** The error that a tool reports if a signal ends the tool. For signal n, the exit code is 128 + n. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  readonly exitCode: number;

  constructor(signal: string, signalNumber: number) {
    super(`ended by ${signal}`);
    this.exitCode = signalExitCode(signalNumber);
  }
}

/** The exit code of a process that ends with this error. The error can be of any class. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ToolError || error instanceof InterruptedError) return error.exitCode;
  return EXIT_CODES.software.code;
}

/** Returns the message of an error on one line. If the error has a reason, the line also contains the reason. */
export function describeError(error: unknown): string {
  if (!(error instanceof ToolError)) return oneLine(error instanceof Error ? error.message : String(error));
  return oneLine(error.why === undefined ? error.message : `${error.message} (${error.why})`);
}

/** Converts a text to one line. Escapes control characters, so that a file name cannot forge a second line. */
export function oneLine(text: string): string {
  const escaped = (found: string) => JSON.stringify(found).slice(1, -1).replaceAll("\u007f", "\\u007f");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this function escapes control characters.
  return text.replace(/[\u0000-\u001f\u007f]+/g, escaped);
}
