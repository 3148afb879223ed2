import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bashCompletion } from "shared/cli/completion/bash";
import { fishCompletion } from "shared/cli/completion/fish";
import { zshCompletion } from "shared/cli/completion/zsh";
import { manPage, pageName } from "shared/cli/man-page";
import { COMMAND_USAGES, TOOL_USAGES } from "../usages.ts";

/** Writes the man page of each command and the shell completion of each tool, at the usual paths below `share`. */
export function writeShare(share: string): void {
  for (const usage of COMMAND_USAGES) {
    const others = COMMAND_USAGES.filter((other) => other !== usage);
    writeText(join(share, "man", "man1", `${pageName(usage)}.1`), manPage(usage, others));
  }
  for (const usage of TOOL_USAGES) {
    writeText(join(share, "bash-completion", "completions", usage.name), bashCompletion(usage));
    writeText(join(share, "fish", "vendor_completions.d", `${usage.name}.fish`), fishCompletion(usage));
    writeText(join(share, "zsh", "site-functions", `_${usage.name}`), zshCompletion(usage));
  }
}

function writeText(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
