import { type CommandLine, type OptionSpecs, type Usage, usageError } from "shared/cli/command-line";
import { DEFAULT_POLL_SECONDS } from "shared/pod/wait";

const OPTIONS = {
  path: { type: "list", alias: "p", value: "PATH", describe: "wait until this exists; repeatable: until all do" },
  any: { type: "flag", describe: "until one of the paths exists" },
  wait: {
    type: "number",
    alias: "w",
    value: "SECONDS",
    default: DEFAULT_POLL_SECONDS,
    describe: "look this often where the kernel reports no change",
  },
  timeout: { type: "number", value: "SECONDS", describe: "end with 124 after this time; 0 looks once" },
  alive: { type: "text", value: "SOCKET", describe: "end with 79 when the launcher whose lease this is has ended" },
  quiet: { type: "flag", alias: "q", describe: "no log" },
  json: { type: "flag", describe: "print what was found as one JSON object on stdout" },
} as const satisfies OptionSpecs;

/** How `wait-fs` is called. */
export const USAGE = {
  name: "wait-fs",
  summary: "Waits until files or folders exist, then ends with 0.",
  forms: ["-p PATH [-p PATH ...] [-w SECONDS] [--timeout SECONDS] [--any] [--alive SOCKET] [-q]"],
  options: OPTIONS,
  notes:
    "Exit codes: 0 found, 64 usage, 79 the launcher ended first (--alive), 124 timed out, 128 + n ended by signal n.",
} as const satisfies Usage<OptionSpecs>;

/** What `wait-fs` is to do. */
export interface WaitFsOptions {
  readonly paths: readonly string[];
  readonly any: boolean;
  readonly pollSeconds: number;
  readonly timeoutSeconds: number | undefined;
  /** The lease's path; undefined for none. */
  readonly alive: string | undefined;
  readonly quiet: boolean;
  readonly json: boolean;
}

/** What a command line of `wait-fs` asks for; throws a usage failure for one that asks for nothing or too much. */
export function waitFsOptions(line: CommandLine<typeof OPTIONS>): WaitFsOptions {
  const { path, any, wait, timeout, alive, quiet, json } = line.options;
  if (line.args[0] !== undefined) throw usageError(USAGE, `unexpected argument ${JSON.stringify(line.args[0])}`);
  if (path.length === 0) throw usageError(USAGE, "no path to wait for");
  if (path.includes("")) throw usageError(USAGE, "a path is empty");
  if (alive === "") throw usageError(USAGE, "the lease's path is empty");
  if (wait === 0) throw usageError(USAGE, "--wait is more than 0 seconds");
  return { paths: path, any, pollSeconds: wait, timeoutSeconds: timeout, alive, quiet, json };
}
