import type { HeldSignals } from "./held-signals.ts";
import type { ToolError } from "./tool-error.ts";

/** The process in which a command runs. */
export interface Io {
  readonly env: NodeJS.ProcessEnv;
  /** Writes the result to stdout. The tool writes nothing else to stdout. */
  readonly stdout: (text: string) => void;
  /** Writes the log to stderr. */
  readonly stderr: (text: string) => void;
  /**
   * The width of the terminal on stderr, in characters. Undefined if stderr is not a terminal, or if the terminal
   * cannot move its cursor.
   */
  readonly columns?: () => number | undefined;
  /** The width of the terminal on stdout, in characters. Undefined if stdout is not a terminal. */
  readonly helpColumns?: () => number | undefined;
  /**
   * Returns an `AbortSignal` that aborts on SIGTERM, SIGINT and SIGHUP. Before the first call, these three signals have
   * their default effect.
   */
  readonly interrupted: () => AbortSignal;
  /**
   * An `AbortSignal` that aborts when a second SIGTERM, SIGINT or SIGHUP arrives. If this field is undefined, a command
   * does not react to a second signal.
   */
  readonly interruptedAgain?: AbortSignal;
  /** The result of `holdSignals`. Undefined if the process has not called this function. */
  readonly heldSignals?: HeldSignals | undefined;
  /** Returns a failure if a limit of this process is too low. Otherwise, returns undefined. */
  readonly limitFailure?: () => ToolError | undefined;
  /** Turns on stack traces for the reports of all later failures. */
  readonly showStackTraces?: () => void;
}
