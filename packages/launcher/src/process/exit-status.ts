import { constants } from "node:os";
import { EXIT_CODES } from "shared/cli/exit-codes";
import { reasonOf, systemCode } from "shared/fs/system-error";

/** How an application ended: it exited, a signal ended it, or it could not be started. */
export type ApplicationEnd =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "signalled"; readonly signal: number }
  | { readonly kind: "not started"; readonly error: unknown };

/** What became of an application that was run. */
export interface RunResult {
  readonly end: ApplicationEnd;
  /** Whether it was ended because its time was over. */
  readonly timedOut: boolean;
  /** Why it was ended, where it did not end by itself; else null. */
  readonly reason: string | null;
}

/** An end as the done marker tells it. */
export interface ExitStatus {
  /** 0-255; `128 + n` for signal n, 127 for a command that was not found, 126 for one that cannot be executed, 124 for one whose time was over. */
  readonly exitCode: number;
  /** Its name, such as `SIGKILL` or `SIGRTMIN+3`. */
  readonly signal: string | null;
  /** Why a command was not started, or was ended; null for one that ended by itself. */
  readonly reason: string | null;
}

/** The exit status of a run: of one whose time was over that of timeout(1), whatever the command made of its SIGTERM. */
export function runStatus({ end, timedOut, reason }: RunResult): ExitStatus {
  const status = exitStatus(end);
  const exitCode = timedOut ? EXIT_CODES.timedOut.code : status.exitCode;
  return { ...status, exitCode, reason: status.reason ?? reason };
}

/** The exit status of an end, by the rules of the POSIX shell (XCU 2.8.2). */
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

/** The first signal that the C library leaves to applications: those below it, from 32 on, are its own (signal(7)). */
const SIGRTMIN = 34;

/** A signal's name; of several, such as SIGABRT and SIGIOT, the first one. */
function signalName(signal: number): string {
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  if (name !== undefined) return name;
  if (signal < SIGRTMIN) return `SIG${signal}`;
  return signal === SIGRTMIN ? "SIGRTMIN" : `SIGRTMIN+${signal - SIGRTMIN}`;
}

function startFailure(error: unknown): string {
  switch (systemCode(error)) {
    case "ENOENT":
      return "not found, or the interpreter that it names is not";
    case "E2BIG":
      return "an argument, or all of them with the environment, is too long (E2BIG)";
    case "ENOEXEC":
      return "not a program for this machine (ENOEXEC)";
    default:
      return reasonOf(error);
  }
}
