/** The process that a command runs in. */
export interface Io {
  readonly env: NodeJS.ProcessEnv;
  /** Writes the result to stdout. Nothing else is written there. */
  readonly stdout: (text: string) => void;
  /** Writes the log to stderr. */
  readonly stderr: (text: string) => void;
  /** The width of the terminal on stderr, in characters; undefined if stderr is not a terminal that can move its cursor. */
  readonly columns?: () => number | undefined;
  /** The width of the terminal on stdout, in characters; undefined if stdout is not a terminal. */
  readonly helpColumns?: () => number | undefined;
  /** A signal that aborts on SIGTERM, SIGINT and SIGHUP. Before the first call these signals have their default effect. */
  readonly interrupted: () => AbortSignal;
  /** After this call, each failure is printed with its stack trace. */
  readonly showStackTraces?: () => void;
}
