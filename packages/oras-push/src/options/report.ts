import type { CommandLine } from "shared/cli/command-line";
import { usageError } from "shared/cli/usage";
import type { ReportPlan } from "../results/report/report.ts";
import { resultsTarget } from "./references.ts";
import { transferPlan } from "./registry.ts";
import { REPORT_USAGE } from "./report-usage.ts";
import { parseMoment, runStates } from "./results.ts";

/** A parsed command line of `oras-push report`. */
export interface ReportCommandPlan extends ReportPlan {
  /** The path of the report. */
  readonly output: string;
}

/**
 * Converts a command line of `oras-push report` into a plan. `now` is the current time, in milliseconds since 1970.
 * Throws a usage failure if the command line is invalid, or `noInput` if a file cannot be read.
 */
export function reportPlan(
  { args, options }: CommandLine<typeof REPORT_USAGE.options>,
  env: NodeJS.ProcessEnv,
  now: number,
): ReportCommandPlan {
  if (args.length === 0) throw usageError(REPORT_USAGE, "no repository for the report");
  const form = { usage: REPORT_USAGE, env };
  const { since } = options;
  return {
    ...transferPlan(REPORT_USAGE, options, { env, variables: ["ORAS_PULL_PASS"] }),
    targets: args.map((text) => resultsTarget(form, text, options["oci-layout"])),
    title: args.join(", "),
    states: runStates(REPORT_USAGE, options.state),
    since: since === undefined ? undefined : parseMoment(REPORT_USAGE, "since", since, now),
    sort: options.sort,
    reverse: options.reverse,
    logLines: options["log-lines"],
    output: options.output,
    now,
  };
}
