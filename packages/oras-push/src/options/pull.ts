import type { CommandLine } from "shared/cli/command-line";
import { usageError } from "shared/cli/usage";
import type { AnyReference } from "../oci/reference.ts";
import { PULL_USAGE } from "./pull-usage.ts";
import { pullLayoutReference, pullReference, wholeReference } from "./references.ts";
import { type RegistryPlan, registryPlan } from "./registry.ts";

/** A parsed command line of `oras-push pull`. */
export interface PullPlan extends RegistryPlan {
  /** The artifacts to pull. If {@link all} is true, the list contains only their repository or layout. */
  readonly references: readonly AnyReference[];
  /** Whether to pull all tags. Each tag gets its own folder. */
  readonly all: boolean;
  /** The folder for the restored files and folders. */
  readonly folder: string;
  /** If true, the pull fails if a file already exists. If false, the pull overwrites the file. */
  readonly keepOldFiles: boolean;
  /** Whether to show plain lines instead of progress bars. */
  readonly noTty: boolean;
}

/**
 * Converts a command line of `oras-push pull` into a plan. Throws a usage failure if the command line is invalid, or
 * `noInput` if a file cannot be read.
 */
export function pullPlan({ args, options }: CommandLine<typeof PULL_USAGE.options>, env: NodeJS.ProcessEnv): PullPlan {
  if (args.length === 0) throw usageError(PULL_USAGE, "no reference to pull");
  if (options.all && args.length > 1) throw usageError(PULL_USAGE, `--all accepts one repository, not ${args.length}`);
  const form = { usage: PULL_USAGE, env };
  const parse = options["oci-layout"] ? pullLayoutReference : pullReference;
  return {
    ...registryPlan(PULL_USAGE, options, { env, variables: ["ORAS_PULL_PASS"] }),
    references: args.map((text) =>
      options.all ? wholeReference(form, text, options["oci-layout"]) : parse(form, text),
    ),
    all: options.all,
    folder: options.output,
    keepOldFiles: options["keep-old-files"],
    noTty: options["no-tty"],
  };
}
