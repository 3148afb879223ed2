/** One exit code of the tools. */
export interface ExitCode {
  readonly code: number;
  /** The meaning of the code, as help texts and documents print it. */
  readonly meaning: string;
}

/**
 * The exit codes of all three tools. The keys are used only in the source code. Help texts, man pages and
 * docs/commands.md are made from this table. If sysexits(3) defines a code for a failure, the tools use that code.
 */
export const EXIT_CODES = {
  usage: { code: 64, meaning: "usage error" },
  noInput: { code: 66, meaning: "an input or output path is missing or unreadable" },
  unavailable: { code: 69, meaning: "the registry could not be reached, even after retries" },
  software: { code: 70, meaning: "internal error" },
  cannotCreate: { code: 73, meaning: "a file cannot be written" },
  copyFailed: { code: 74, meaning: "the outputs cannot be saved" },
  notPushed: { code: 75, meaning: "the outputs were not pushed" },
  registry: { code: 76, meaning: "the registry returned an error" },
  notAuthorized: { code: 77, meaning: "the registry rejected the user or the credentials" },
  launcherDied: { code: 79, meaning: "the launcher died before it finished, or never started" },
  timedOut: { code: 124, meaning: "timed out" },
  notExecutable: { code: 126, meaning: "the command is not executable" },
  notFound: { code: 127, meaning: "the command was not found" },
} as const satisfies Readonly<Record<string, ExitCode>>;

/** The name of an exit code of {@link EXIT_CODES}. */
export type FailureCode = keyof typeof EXIT_CODES;

/**
 * Returns the exit code for a process that was ended by a signal (POSIX.1, sh, "Exit Status for Commands"). `number` is
 * the number of the signal.
 */
export function signalExitCode(number: number): number {
  return 128 + number;
}
