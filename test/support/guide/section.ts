import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../support/paths.ts";

/** Returns the blocks `sh` of a section of the guide, in order. Throws if the guide has no such section. */
export function commandsOfSection(heading: string): string[] {
  const guide = readFileSync(join(ROOT, "docs", "guide.md"), "utf8");
  const section = guide.split(/^(?=#{2,4} )/m).find((text) => text.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`docs/guide.md has no section "${heading}"`);
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, commands = ""]) => commands);
}
