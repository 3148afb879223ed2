import {
  type COMMON_OPTIONS,
  type CommandLine,
  type OptionSpecs,
  type Usage,
  usageError,
} from "shared/cli/command-line";
import type { AnyReference } from "../oci/reference.ts";
import { pullLayoutReference, pullReference, wholeReference } from "./references.ts";
import {
  CREDENTIALS_NOTE,
  EXIT_NOTE,
  NETWORK_NOTE,
  REGISTRY_OPTIONS,
  type RegistryPlan,
  registryPlan,
} from "./registry.ts";

const PULL_OPTIONS = {
  ...REGISTRY_OPTIONS,
  output: { type: "text", alias: "o", value: "DIR", default: ".", describe: "folder for what is pulled" },
  "keep-old-files": { type: "flag", alias: "k", describe: "fail where a file is there already, do not replace it" },
  all: { type: "flag", describe: "pull every tag of a repository, each into DIR/TAG" },
  "oci-layout": { type: "flag", describe: "pull from OCI layouts on disk: a REFERENCE is DIR:TAG or DIR@DIGEST" },
  "no-tty": { type: "flag", describe: "plain lines instead of bars on a terminal" },
} as const satisfies OptionSpecs;

/** How `oras-push pull` is called. */
export const PULL_USAGE = {
  name: "oras-push pull",
  summary: "Pulls artifacts from a registry and restores their files and folders.",
  forms: ["[options] REFERENCE ... [-o DIR]", "[options] --all REPOSITORY [-o DIR]"],
  options: PULL_OPTIONS,
  notes: [
    "{NAME} in a REFERENCE stands for the environment variable NAME, as in localhost:5000/run:{JOB_COMPLETION_INDEX}.",
    [
      "--all leaves a tag that cannot be pulled, such as one of an image index, and brings the others; the log, and with",
      "--format json the result, name what was left and why. The exit code is that of the first such tag.",
    ].join("\n"),
    CREDENTIALS_NOTE,
    NETWORK_NOTE,
    EXIT_NOTE,
  ].join("\n\n"),
} as const satisfies Usage<OptionSpecs>;

/** What `oras-push pull` is to do. */
export interface PullPlan extends RegistryPlan {
  /** What to pull; with `all` one repository or layout. */
  readonly references: readonly AnyReference[];
  /** Whether every tag is pulled, each into a folder of its own. */
  readonly all: boolean;
  readonly folder: string;
  readonly keepOldFiles: boolean;
  readonly noTty: boolean;
}

/** What a command line of `oras-push pull` asks for; throws a usage failure, or `noInput` for a file that can't be read. */
export function pullPlan(
  { args, options }: CommandLine<typeof PULL_OPTIONS & typeof COMMON_OPTIONS>,
  env: NodeJS.ProcessEnv,
): PullPlan {
  if (args.length === 0) throw usageError(PULL_USAGE, "no reference to pull from");
  if (options.all && args.length > 1) throw usageError(PULL_USAGE, "--all takes one repository");
  const form = { usage: PULL_USAGE, env };
  const parse = options["oci-layout"] ? pullLayoutReference : pullReference;
  return {
    ...registryPlan(PULL_USAGE, options),
    references: args.map((text) =>
      options.all ? wholeReference(form, text, options["oci-layout"]) : parse(form, text),
    ),
    all: options.all,
    folder: options.output,
    keepOldFiles: options["keep-old-files"],
    noTty: options["no-tty"],
  };
}
