import { constants } from "node:os";
import { EXIT_CODES } from "shared/cli/exit-codes";
import { reasonOf, systemCode } from "shared/fs/system-error";

/** How an application ended: it exited, a signal ended it, or it could not be started. */
export type ApplicationEnd =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "signalled"; readonly signal: number }
  | { readonly kind: "not started"; readonly error: unknown };

/** The result of running an application. */
export interface RunResult {
  readonly end: ApplicationEnd;
  /** Whether the launcher stopped the application because the time limit was reached. */
  readonly timedOut: boolean;
  /**
   * The reason why the launcher stopped the application. The value is null if the launcher did not stop the
   * application.
   */
  readonly reason: string | null;
}

/** The exit status for the done marker. */
export interface ExitStatus {
  /**
   * A number from 0 to 255. If signal n ended the command, the exit code is `128 + n`. Other special exit codes are 127
   * (command not found), 126 (command not executable) and 124 (timed out).
   */
  readonly exitCode: number;
  /**
   * The name of the signal that ended the command, such as `SIGKILL` or `SIGRTMIN+3`. The value is null if no signal
   * ended the command.
   */
  readonly signal: string | null;
  /** Why the command could not be started, or why the launcher stopped it. In all other cases, the value is null. */
  readonly reason: string | null;
}

/**
 * Returns the exit status of a run. If the command timed out, the returned exit code is 124, as with timeout(1). In
 * this case, the command's own exit code has no effect.
 */
export function runStatus({ end, timedOut, reason }: RunResult): ExitStatus {
  const status = exitStatus(end);
  const exitCode = timedOut ? EXIT_CODES.timedOut.code : status.exitCode;
  return { ...status, exitCode, reason: status.reason ?? reason };
}

/** Converts the end of an application to an exit status, by the rules of the POSIX shell (XCU 2.8.2). */
export function exitStatus(end: ApplicationEnd): ExitStatus {
  switch (end.kind) {
    case "exited":
      return { exitCode: end.exitCode, signal: null, reason: null };
    case "signalled":
      return { exitCode: 128 + end.signal, signal: signalName(end.signal), reason: null };
    case "not started": {
      const missing = systemCode(end.error) === "ENOENT";
      const reason = `cannot start the command: ${startFailure(end.error)}`;
      return { exitCode: missing ? EXIT_CODES.notFound.code : EXIT_CODES.notExecutable.code, signal: null, reason };
    }
  }
}

/** The first real-time signal for applications. The C library itself uses the signals 32 and 33 (signal(7)). */
const SIGRTMIN = 34;

/** Returns the name of a signal. If a signal has several names, such as SIGABRT and SIGIOT, returns the first name. */
function signalName(signal: number): string {
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  if (name !== undefined) return name;
  if (signal < SIGRTMIN) return `SIG${signal}`;
  return signal === SIGRTMIN ? "SIGRTMIN" : `SIGRTMIN+${signal - SIGRTMIN}`;
}

function startFailure(error: unknown): string {
  switch (systemCode(error)) {
    case "ENOENT":
      return "not found, or its interpreter is missing";
    case "E2BIG":
      return "the arguments or the environment are too long (E2BIG)";
    case "ENOEXEC":
      return "exec format error: not a program for this machine";
    default:
      return reasonOf(error);
  }
}
