/** The exit codes that the three tools share, by the name that code branches on (sysexits.h where it has one). */
export const EXIT_CODES = {
  usage: 64,
  noInput: 66,
  unavailable: 69,
  software: 70,
  cannotCreate: 73,
  copyFailed: 74,
  notPushed: 75,
  registry: 76,
  notAuthorised: 77,
  launcherDied: 79,
  timedOut: 124,
  notExecutable: 126,
  notFound: 127,
} as const;

/** What kind of failure a {@link ToolError} is; it decides the exit code. */
export type FailureCode = keyof typeof EXIT_CODES;

/** What a {@link ToolError} may carry beside its message. */
export interface FailureFacts {
  /** The cause in a few words, shown in brackets behind the message. */
  readonly why?: string;
  /** What the user can do about it, shown on a line of its own. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** A failure that the user can understand: one line, an exit code and, where one helps, a hint. */
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
    return EXIT_CODES[this.code];
  }
}

/** The end of a tool by a signal: exit code 128 + n. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  readonly exitCode: number;

  constructor(signal: string, signalNumber: number) {
    super(`ended by ${signal}`);
    this.exitCode = 128 + signalNumber;
  }
}

/** The system's error code (`ENOENT`, `ECONNREFUSED`, ...) of an error, or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === "string" ? code : undefined;
}

const PLAIN_WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "disk quota exceeded",
  EEXIST: "it is there already",
  EISDIR: "it is a directory",
  ELOOP: "too many symbolic links, or one that leads to itself",
  ENAMETOOLONG: "the name is too long",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left on device",
  ENOTDIR: "a part of the path is not a directory",
  EPERM: "operation not permitted",
  EROFS: "read-only file system",
  ERR_FS_EISDIR: "it is a directory",
};

/** An error's cause in a few words on one line, without the paths and call names that Node puts there. */
export function reasonOf(error: unknown): string {
  const code = systemCode(error);
  if (code !== undefined && PLAIN_WORDS[code] !== undefined) return PLAIN_WORDS[code];
  return oneLine(error instanceof Error ? error.message || error.name : String(error));
}

/** A failure and its cause on one line. */
export function describeError(error: unknown): string {
  if (!(error instanceof ToolError)) return oneLine(error instanceof Error ? error.message : String(error));
  return oneLine(error.why === undefined ? error.message : `${error.message} (${error.why})`);
}

/** Text on one line: control characters become their escapes, so that a name can't forge a second line. */
export function oneLine(text: string): string {
  const escaped = (found: string) => JSON.stringify(found).slice(1, -1).replaceAll("\u007f", "\\u007f");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  return text.replace(/[\u0000-\u001f\u007f]+/g, escaped);
}
