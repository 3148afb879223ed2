import type { CommandLine } from "shared/cli/command-line";
import { type Condition, parseCondition } from "shared/cli/condition";
import { usageError } from "shared/cli/usage";
import type { SidecarPlan } from "../sidecar/sidecar-plan.ts";
import { artifactPlan } from "./artifact.ts";
import { NONE, pullReference, pushReference } from "./references.ts";
import { type RegistryPlan, registryPlan } from "./registry.ts";
import { SIDECAR_USAGE } from "./sidecar-usage.ts";

/** A parsed command line of `oras-push sidecar`. */
export interface SidecarCommandPlan extends SidecarPlan, RegistryPlan {
  /** If this condition is not met, the sidecar does nothing. By default there is no condition. */
  readonly onlyIf: Condition | undefined;
}

/** Converts a command line of `oras-push sidecar`. Throws a usage failure, or `noInput` if a file cannot be read. */
export function sidecarPlan(
  { args, options }: CommandLine<typeof SIDECAR_USAGE.options>,
  env: NodeJS.ProcessEnv,
): SidecarCommandPlan {
  const { pullFrom, pushTo } = operands(args);
  const form = { usage: SIDECAR_USAGE, env };
  const sources = [...pullFrom.filter((text) => text !== NONE), ...options["pull-from"]];
  return {
    ...registryPlan(SIDECAR_USAGE, options),
    ...artifactPlan(SIDECAR_USAGE, options),
    share: options.share,
    pullFrom: sources.map((text) => pullReference(form, text)),
    pushTo: pushTo === NONE ? undefined : pushReference(form, pushTo),
    inputTimeoutSeconds: options["input-timeout"],
    startTimeoutSeconds: options["start-timeout"],
    timeoutSeconds: options.timeout,
    failedRun: options["failed-run"],
    incompleteRun: options["incomplete-run"],
    allowFailedInputs: options["allow-failed-inputs"],
    onlyIf: parseCondition(SIDECAR_USAGE, options["only-if"]),
    native: options.native,
  };
}

/**
 * The ORAS Operator has two forms: PULL-FROM PUSH-TO, and PUSH-TO true PULL-FROM ... with three or more arguments. The
 * second argument distinguishes the two forms.
 */
function operands(args: readonly string[]): { readonly pullFrom: readonly string[]; readonly pushTo: string } {
  const [first, second, ...more] = args;
  if (first !== undefined && second !== undefined && more.length === 0) return { pullFrom: [first], pushTo: second };
  if (first !== undefined && second === "true") return { pullFrom: more, pushTo: first };
  if (second === "false")
    throw usageError(SIDECAR_USAGE, "the second argument must be true, not false, because a pull always unpacks");
  throw usageError(
    SIDECAR_USAGE,
    `expected PULL-FROM and PUSH-TO, found ${args.length} argument${args.length === 1 ? "" : "s"}`,
  );
}
