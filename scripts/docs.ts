/**
 * Writes `docs/commands.md` from the usages of the tools, `docs/annotations.md` from the table of annotations, and the
 * admission policies.
 *
 *   pnpm write-docs
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { EXIT_CODES } from "shared/cli/exit-codes";
import { helpText } from "shared/cli/help";
import { ROOT } from "../support/paths.ts";
import { annotationsPage } from "./annotations-page.ts";
import { writePolicies } from "./policies.ts";
import { COMMAND_USAGES } from "./usages.ts";

const INTRODUCTION = `# Commands

The output of \`--help\` for each command, and all exit codes. \`pnpm write-docs\` writes this page.
`;

/** The content of docs/commands.md. */
export function commandsPage(): string {
  const sections = COMMAND_USAGES.map((usage) => `## ${usage.name}\n\n\`\`\`\n${helpText(usage)}\`\`\`\n`);
  return [INTRODUCTION, ...sections, exitCodeSection()].join("\n");
}

function exitCodeSection(): string {
  const rows = Object.values(EXIT_CODES).map(({ code, meaning }) => [String(code), meaning]);
  const table = [["code", "meaning"], ["---", "---"], ["0", "success"], ...rows, ["128 + n", "ended by signal n"]];
  return `## Exit codes

${table.map((row) => `| ${row.join(" | ")} |`).join("\n")}

If the command of the launcher fails, the launcher exits with the command's exit code. If \`--timeout\` stopped the command,
this code is 124. The done marker and the artifact's annotation contain the same code.
`;
}

if (import.meta.main) {
  writeFileSync(join(ROOT, "docs", "commands.md"), commandsPage());
  writeFileSync(join(ROOT, "docs", "annotations.md"), annotationsPage());
  writePolicies();
}
