import type { CommandLine } from "shared/cli/command-line";
import { ABOVE_ZERO, type OptionSpecs } from "shared/cli/option-specs";
import { absolutePath, type Usage, usageError } from "shared/cli/usage";
import { DEFAULT_POLL_SECONDS } from "shared/pod/wait";

const WAITING_OPTIONS = {
  path: { type: "list", alias: "p", placeholder: "PATH", description: "wait for this file or folder" },
  any: { type: "flag", description: "stop waiting when one of the paths exists (by default, wait for all paths)" },
  wait: {
    type: "number",
    alias: "w",
    placeholder: "SECONDS",
    default: DEFAULT_POLL_SECONDS,
    range: ABOVE_ZERO,
    description: "time between two checks of the paths, for volumes that do not report new files",
  },
  timeout: {
    type: "number",
    placeholder: "SECONDS",
    shownDefault: "no limit",
    description: "exit with 124 if the paths do not exist after this time; 0 means a single check",
  },
  alive: {
    type: "text",
    placeholder: "SOCKET",
    description: "path of the launcher's lease socket; exit with 79 if the launcher ends before the paths exist",
  },
} as const satisfies OptionSpecs;

const OUTPUT_OPTIONS = {
  json: { type: "flag", description: "print the existing paths to stdout, as one JSON object" },
  quiet: { type: "flag", alias: "q", description: "write no log" },
} as const satisfies OptionSpecs;

/** How to call `wait-fs`. */
export const USAGE = {
  name: "wait-fs",
  summary: "wait until files or folders exist",
  description: [
    "wait-fs exits with 0 when all paths exist. The kernel reports new files, so wait-fs usually exits within",
    "milliseconds. Some volumes do not report new files, so wait-fs also checks the paths every few seconds.",
  ].join(" "),
  forms: ["[options] -p PATH [-p PATH ...]"],
  options: { ...WAITING_OPTIONS, ...OUTPUT_OPTIONS },
  groups: { "Waiting options": WAITING_OPTIONS, "Output options": OUTPUT_OPTIONS },
  examples: [
    {
      text: "Wait until the application of a pod has ended and its outputs are saved",
      command: "wait-fs -p /mnt/oras/oras-operator-done.txt",
    },
    {
      text: "Check once whether the inputs are complete, as a startup probe does",
      command: "wait-fs -q --timeout 0 -p /mnt/oras/oras-operator-init.txt",
    },
    {
      text: "Wait at most a minute for one of two files, and print the file that exists",
      command: "wait-fs --any --json --timeout 60 -p results/log -p results/error",
    },
    {
      text: "Stop waiting when the launcher dies",
      command: "wait-fs -p /mnt/oras/oras-operator-done.txt --alive /mnt/oras/oras-operator-lease.sock",
    },
  ],
  notes: [],
  exitCodes: ["noInput", "launcherDied", "timedOut"],
  exitMeanings: {
    success: "the paths exist",
    noInput: "the state of the lease cannot be determined (--alive)",
    launcherDied: "the launcher ended before the awaited paths existed (--alive)",
  },
} as const satisfies Usage<OptionSpecs>;

/** A parsed command line of `wait-fs`. */
export interface WaitFsOptions {
  readonly paths: readonly string[];
  /** If true, the wait ends when one of the paths exists. If false, the wait ends when all paths exist. */
  readonly any: boolean;
  readonly pollSeconds: number;
  readonly timeoutSeconds: number | undefined;
  /** Path of the launcher's lease. If undefined, no lease is watched. */
  readonly alive: string | undefined;
  readonly quiet: boolean;
  readonly json: boolean;
}

/**
 * Converts a command line of `wait-fs` to options. Throws a usage error if arguments are missing, empty or unexpected.
 */
export function waitFsOptions({ args, options }: CommandLine<typeof USAGE.options>): WaitFsOptions {
  const { path, any, wait, timeout, alive, quiet, json } = options;
  if (args[0] !== undefined) throw usageError(USAGE, `unexpected argument ${JSON.stringify(args[0])}`);
  if (path.length === 0) throw usageError(USAGE, "no path to wait for");
  for (const text of [...path, ...(alive === undefined ? [] : [alive])]) absolutePath(USAGE, text);
  return { paths: path, any, pollSeconds: wait, timeoutSeconds: timeout, alive, quiet, json };
}
