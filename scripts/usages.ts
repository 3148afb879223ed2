import { USAGE as LAUNCHER_USAGE } from "launcher/usage";
import { PUSH_USAGE } from "oras-push/options/push-usage";
import type { OptionSpecs } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { USAGE as WAIT_FS_USAGE } from "wait-fs/options";

/** The usages of the tools. */
export const TOOL_USAGES: readonly Usage<OptionSpecs>[] = [LAUNCHER_USAGE, PUSH_USAGE, WAIT_FS_USAGE];

/** The usages of the tools and of all their subcommands. */
export const COMMAND_USAGES: readonly Usage<OptionSpecs>[] = TOOL_USAGES.flatMap((usage) => [
  usage,
  ...(usage.commands ?? []),
]);
