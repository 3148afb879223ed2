/** The process that a command runs in. */
export interface Io {
  readonly env: NodeJS.ProcessEnv;
  /** Writes to stdout: only the result. */
  readonly stdout: (text: string) => void;
  /** Writes to stderr: the log. */
  readonly stderr: (text: string) => void;
  /** The width of the terminal on stderr, in characters; undefined if stderr is not a terminal that can move its cursor. */
  readonly columns?: () => number | undefined;
  /** The width of the terminal on stdout, in characters; undefined if stdout is not a terminal. */
  readonly helpColumns?: () => number | undefined;
  /** A signal that aborts on SIGTERM, SIGINT and SIGHUP. Before the first call these signals have their default effect. */
  readonly interrupted: () => AbortSignal;
  /** From now on a failure is printed with its stack trace. */
  readonly showStackTraces?: () => void;
}
