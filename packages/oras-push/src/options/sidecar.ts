import type { CommandLine } from "shared/cli/command-line";
import { type Condition, parseCondition } from "shared/cli/condition";
import { usageError } from "shared/cli/usage";
import { IMAGE_SUFFIX } from "../artifact/image-suffix.ts";
import { isTagPattern } from "../oci/tag-pattern.ts";
import { CHECKPOINT_SUFFIX, type OutcomePolicies, tagSuffixes } from "../sidecar/run-outcome.ts";
import type { SidecarPlan } from "../sidecar/sidecar-plan.ts";
import { artifactPlan } from "./artifact.ts";
import { inputSource, NONE, runTagReference } from "./references.ts";
import { type PasswordVariable, type RegistryPlan, registryPlan } from "./registry.ts";
import { SIDECAR_USAGE } from "./sidecar-usage.ts";

/** A parsed command line of `oras-push sidecar`. */
export interface SidecarCommandPlan extends SidecarPlan, RegistryPlan {
  /**
   * The condition of `--only-if`. If the condition is false, the sidecar pulls and pushes nothing. Undefined if there
   * is no condition.
   */
  readonly onlyIf: Condition | undefined;
}

/**
 * Converts a command line of `oras-push sidecar` into a plan. Throws a usage failure if the command line is invalid, or
 * `noInput` if a file cannot be read.
 */
export function sidecarPlan(
  { args, options }: CommandLine<typeof SIDECAR_USAGE.options>,
  env: NodeJS.ProcessEnv,
): SidecarCommandPlan {
  const { pullFrom, pushTo } = operands(args);
  const form = { usage: SIDECAR_USAGE, env };
  const sources = [...pullFrom.filter((text) => text !== NONE), ...options["pull-from"]];
  const pulling: readonly PasswordVariable[] = sources.length > 0 ? ["ORAS_PULL_PASS"] : [];
  const pushing: readonly PasswordVariable[] = pushTo === NONE ? [] : ["ORAS_PUSH_PASS"];
  const inputs = sources.map((text) => inputSource(form, text));
  if (options["input-count"] !== undefined && !inputs.some(isTagPattern))
    throw usageError(SIDECAR_USAGE, "--input-count needs an input with a pattern, such as --pull-from 'REPOSITORY:*'");
  const policies = { failedRun: options["failed-run"], incompleteRun: options["incomplete-run"] };
  const suffixes = [
    ...allSuffixes(policies, options.mountable),
    ...(options.resume === undefined ? [] : [CHECKPOINT_SUFFIX]),
  ];
  if (options.resume !== undefined && pushTo === NONE)
    throw usageError(
      SIDECAR_USAGE,
      "--resume needs PUSH-TO, because the tag of the checkpoint is PUSH-TO with -checkpoint",
    );
  return {
    ...registryPlan(SIDECAR_USAGE, options, { env, variables: [...pulling, ...pushing] }),
    ...artifactPlan(SIDECAR_USAGE, options),
    share: options.share,
    pullFrom: inputs,
    pushTo: pushTo === NONE ? undefined : runTagReference(form, pushTo, suffixes),
    inputCount: options["input-count"],
    inputTimeoutSeconds: options["input-timeout"],
    startTimeoutSeconds: options["start-timeout"],
    timeoutSeconds: options.timeout,
    ...policies,
    allowFailedInputs: options["allow-failed-inputs"],
    skipDone: options["skip-done"],
    resume: options.resume,
    cacheKey: options["cache-key"],
    onlyIf: parseCondition(SIDECAR_USAGE, options["only-if"]),
    native: options.native,
  };
}

/**
 * Returns suffixes that the sidecar can add to its tag, for a check of the tag's length. The suffix depends on the
 * outcome of the run. If the artifact is mountable, returns only the suffixes that end with `-image`. They are the
 * longest ones, so the check does not need the other suffixes.
 */
function allSuffixes(policies: OutcomePolicies, mountable: boolean): readonly string[] {
  const suffixes = tagSuffixes(policies);
  return mountable ? ["", ...suffixes].map((suffix) => `${suffix}${IMAGE_SUFFIX}`) : suffixes;
}

/**
 * Splits the arguments. The ORAS Operator uses two forms: `PULL-FROM PUSH-TO`, and `PUSH-TO true PULL-FROM ...`. In the
 * second form, there are three or more arguments, and the second argument is `true`.
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
