import type { CommandLine } from "shared/cli/command-line";
import { usageError } from "shared/cli/usage";
import type { LineagePlan } from "../results/lineage.ts";
import type { LineageFormat } from "../results/query.ts";
import { LINEAGE_USAGE } from "./lineage-usage.ts";
import { pullLayoutReference, pullReference } from "./references.ts";
import { transferPlan } from "./registry.ts";

/** A parsed command line of `oras-push lineage`. */
export interface LineageCommandPlan extends LineagePlan {
  readonly format: LineageFormat;
}

/**
 * Converts a command line of `oras-push lineage` into a plan. Throws a usage failure if the command line is invalid, or
 * `noInput` if a file cannot be read.
 */
export function lineagePlan(
  { args, options }: CommandLine<typeof LINEAGE_USAGE.options>,
  env: NodeJS.ProcessEnv,
): LineageCommandPlan {
  const [text, ...more] = args;
  if (text === undefined || more.length > 0)
    throw usageError(LINEAGE_USAGE, `expected one reference, found ${args.length}`);
  const parse = options["oci-layout"] ? pullLayoutReference : pullReference;
  return {
    ...transferPlan(LINEAGE_USAGE, options, { env, variables: ["ORAS_PULL_PASS"] }),
    reference: parse({ usage: LINEAGE_USAGE, env }, text),
    format: options.format,
  };
}
