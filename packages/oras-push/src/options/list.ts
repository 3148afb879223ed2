import type { CommandLine } from "shared/cli/command-line";
import { usageError } from "shared/cli/usage";
import type { RunListPlan } from "../results/list.ts";
import type { ListFormat } from "../results/query.ts";
import { LIST_USAGE } from "./list-usage.ts";
import { resultsTarget } from "./references.ts";
import { transferPlan } from "./registry.ts";
import { parseMoment, runStates } from "./results.ts";

/** A parsed command line of `oras-push list`. */
export interface ListPlan extends RunListPlan {
  readonly format: ListFormat;
}

/**
 * Converts a command line of `oras-push list` into a plan. `now` is the current time, in milliseconds since 1970.
 * Throws a usage failure if the command line is invalid, or `noInput` if a file cannot be read.
 */
export function listPlan(
  { args, options }: CommandLine<typeof LIST_USAGE.options>,
  env: NodeJS.ProcessEnv,
  now: number,
): ListPlan {
  if (args.length === 0) throw usageError(LIST_USAGE, "no repository to list");
  const form = { usage: LIST_USAGE, env };
  const { since } = options;
  return {
    ...transferPlan(LIST_USAGE, options, { env, variables: ["ORAS_PULL_PASS"] }),
    targets: args.map((text) => resultsTarget(form, text, options["oci-layout"])),
    states: runStates(LIST_USAGE, options.state),
    since: since === undefined ? undefined : parseMoment(LIST_USAGE, "since", since, now),
    sort: options.sort,
    reverse: options.reverse,
    format: options.format,
  };
}
