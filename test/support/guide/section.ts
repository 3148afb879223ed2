import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../support/paths.ts";

/** Selects the blocks that {@link blocksOfSection} returns. */
export interface SectionBlocks {
  /** The path of the page from the root of the repository. The default is the guide. */
  readonly page?: string;
  /** The language of the blocks. The default is `sh`. */
  readonly language?: string;
}

/** Returns the code blocks of a section of a page, in order. Throws if the page has no such section. */
export function blocksOfSection(
  heading: string,
  { page = "docs/guide.md", language = "sh" }: SectionBlocks = {},
): string[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  const section = text.split(/^(?=#{2,4} )/m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`${page} has no section "${heading}"`);
  const blocks = section.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, "gm"));
  return [...blocks].map(([, block = ""]) => block);
}
