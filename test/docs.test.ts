/** The documents tell the truth of this commit, as far as a program can see. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { it } from "node:test";
import { commandsPage } from "../scripts/docs.ts";
import { ROOT } from "../support/paths.ts";

it("docs/commands.md is what --help says", async () => {
  const page = readFileSync(join(ROOT, "docs", "commands.md"), "utf8");
  assert.equal(page, await commandsPage(), "write it again with pnpm write-docs");
});

it("every link and every file that a document names is there", () => {
  for (const document of [...globSync("*.md", { cwd: ROOT }), ...globSync("docs/**/*.md", { cwd: ROOT })]) {
    const text = readFileSync(join(ROOT, document), "utf8");
    for (const [, link = ""] of text.matchAll(/\]\(([^)#]+)\)/g))
      if (!link.includes("://")) assert.ok(existsSync(join(ROOT, dirname(document), link)), `${document}: ${link}`);
    for (const [, file = ""] of text.matchAll(/`((?:packages|scripts|test|docs|images)\/[\w./-]+)`/g))
      assert.ok(existsSync(join(ROOT, file)), `${document}: ${file}`);
  }
});
