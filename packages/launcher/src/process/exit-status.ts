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
  /** Whether the launcher ended it because it timed out. */
  readonly timedOut: boolean;
  /** The reason why the launcher ended the application; null if it ended by itself. */
  readonly reason: string | null;
}

/** The exit status for the done marker. */
export interface ExitStatus {
  /** 0-255: `128 + n` for signal n, 127 if not found, 126 if not executable, 124 if timed out. */
  readonly exitCode: number;
  /** The name of the signal, such as `SIGKILL` or `SIGRTMIN+3`. */
  readonly signal: string | null;
  /** The reason why the command was not started, or was ended; null if it ended by itself. */
  readonly reason: string | null;
}

/**
 * The exit status of a run. A command that timed out has the code of timeout(1), even if it exited with a different
 * code.
 */
export function runStatus({ end, timedOut, reason }: RunResult): ExitStatus {
  const status = exitStatus(end);
  const exitCode = timedOut ? EXIT_CODES.timedOut.code : status.exitCode;
  return { ...status, exitCode, reason: status.reason ?? reason };
}

/** The exit status for the end of an application, by the rules of the POSIX shell (XCU 2.8.2). */
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

/** The first real-time signal for applications. The C library uses 32 and 33 itself (signal(7)). */
const SIGRTMIN = 34;

/** The name of a signal; the first name if there are several, such as SIGABRT and SIGIOT. */
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
      return "not a program for this machine (ENOEXEC)";
    default:
      return reasonOf(error);
  }
}
