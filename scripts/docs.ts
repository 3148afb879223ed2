/** Writes `docs/commands.md` from the help texts of the tools. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { USAGE as LAUNCHER } from "launcher/options";
import { PULL_USAGE } from "oras-push/options/pull";
import { PUSH_USAGE } from "oras-push/options/push";
import { SIDECAR_USAGE } from "oras-push/options/sidecar";
import { COMMON_OPTIONS, helpText, type OptionSpecs, type Usage } from "shared/cli/command-line";
import { USAGE as WAIT_FS } from "wait-fs/options";
import { ROOT } from "../support/paths.ts";

const COMMANDS: readonly Usage<OptionSpecs>[] = [LAUNCHER, PUSH_USAGE, PULL_USAGE, SIDECAR_USAGE, WAIT_FS];

/** The page of commands as it should be. */
export async function commandsPage(): Promise<string> {
  const sections = await Promise.all(
    COMMANDS.map(async (usage) => {
      const help = await helpText({ ...usage, options: { ...usage.options, ...COMMON_OPTIONS } });
      return `## ${usage.name}\n\n\`\`\`\n${help.trimEnd()}\n\`\`\`\n`;
    }),
  );
  const introduction = "# Commands\n\nWhat `--help` says, written by `pnpm write-docs`.\n";
  return [introduction, ...sections, EXIT_CODES].join("\n");
}

const EXIT_CODES = `## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 64 | usage: one line says what is wrong and what would be right |
| 66 | an input or output path is missing or unreadable |
| 69 | the registry cannot be reached, after the retries |
| 70 | a fault of the tool |
| 73 | an output cannot be written |
| 74 | the copy of the outputs failed |
| 75 | the artifact was not pushed (\`launcher --wait-push\`) |
| 76 | the registry answered with an error |
| 77 | not authorised |
| 79 | the launcher died before it finished, or had not shown itself when the pod ended (\`sidecar --native\`) |
| 124 | timed out |
| 126, 127 | the command is not executable, not found |
| 128 + n | ended by signal n |

The launcher ends with the application's own code wherever that is a failure, but with 124 where \`--timeout\` ended it.
The done marker and the artifact's annotation have the same code.
`;

if (import.meta.main) writeFileSync(join(ROOT, "docs", "commands.md"), await commandsPage());
