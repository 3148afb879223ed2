import type { CommandLine } from "shared/cli/command-line";
import { usageError } from "shared/cli/usage";
import { RUN_STATES } from "../artifact/run-annotations.ts";
import type { PruneOrder } from "../results/prune.ts";
import type { PrunePolicy } from "../results/prune-plan.ts";
import type { ResultsTarget } from "../results/repositories.ts";
import { PRUNE_USAGE } from "./prune-usage.ts";
import { resultsTarget } from "./references.ts";
import { transferPlan } from "./registry.ts";
import { parseDuration, runStates } from "./results.ts";

/** A parsed command line of `oras-push prune`. */
export interface PruneCommandPlan extends PruneOrder {
  /** The format of the result: `text` or `json`. */
  readonly format: string;
}

type PruneLine = CommandLine<typeof PRUNE_USAGE.options>;

/**
 * Converts a command line of `oras-push prune` into a plan. `now` is the current time, in milliseconds since 1970.
 * Throws a usage failure if the command line is invalid, or `noInput` if a file cannot be read.
 */
export function prunePlan({ args, options }: PruneLine, env: NodeJS.ProcessEnv, now: number): PruneCommandPlan {
  if (args.length === 0) throw usageError(PRUNE_USAGE, "no repository to prune");
  const form = { usage: PRUNE_USAGE, env };
  const ociLayout = options["oci-layout"];
  const targets = args.map((text) => resultsTarget(form, text, ociLayout));
  const users = options.users.map((text) => resultsTarget(form, text, ociLayout));
  return {
    ...transferPlan(PRUNE_USAGE, options, { env, variables: ["ORAS_PUSH_PASS"] }),
    policy: policyOf(options),
    targets,
    users: users.length > 0 ? users : targets.map(everything),
    confirmed: options.yes,
    now,
    format: options.format,
  };
}

function policyOf(options: PruneLine["options"]): PrunePolicy {
  const states = runStates(PRUNE_USAGE, options.state);
  const age = options["older-than"];
  if (states === undefined && age === undefined && options.keep === undefined)
    throw usageError(PRUNE_USAGE, "no rule: expected --state, --older-than or --keep");
  return {
    states: states ?? new Set(RUN_STATES.filter((state) => state !== "other")),
    keep: options.keep,
    olderThan: age === undefined ? undefined : parseDuration(PRUNE_USAGE, "older-than", age),
    ignoreLineage: options["ignore-lineage"],
    ignoreReferrers: options["ignore-referrers"],
  };
}

/** Returns a layout unchanged. For any other target, returns all repositories of the target's registry. */
function everything(target: ResultsTarget): ResultsTarget {
  return "layout" in target ? target : { registry: target.registry, prefix: "" };
}
