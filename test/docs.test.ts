/** The documents match the code, and the language of the repository is plain. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { injectPod } from "oras-push/inject/inject-pod";
import { findTemplates } from "oras-push/inject/templates";
import { parse } from "yaml";
import { annotationsPage } from "../scripts/annotations-page.ts";
import { commandsPage } from "../scripts/docs.ts";
import { ROOT } from "../support/paths.ts";

/** Phrases that are never correct English here. */
const WRONG_PHRASES =
  /\bgo(?:ne|es) on with\b|\bmet with another try\b|\bare due\b(?! to)|\bis told of\b|(?<!--)\bheadless\b(?! service)|\bwhat is no\b/gi;

/** Returns the wrong phrases in a text. A phrase may continue on the next line of a comment. */
function findWrongPhrases(text: string): string[] {
  return text.replaceAll(/\s*\n[\s*/]*/g, " ").match(WRONG_PHRASES) ?? [];
}

function readFile(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}

describe("documents", () => {
  const documents = globSync(["*.md", "{docs,images}/**/*.md"], { cwd: ROOT });

  it("list the current output of --help in docs/commands.md", async () => {
    assert.equal(readFile("docs/commands.md"), await commandsPage(), "run `pnpm write-docs`");
  });

  it("list the annotations of injection in docs/annotations.md", () => {
    assert.equal(readFile("docs/annotations.md"), annotationsPage(), "run `pnpm write-docs`");
  });

  it("link to files that exist", () => {
    for (const document of documents)
      for (const [, link = ""] of readFile(document).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g))
        if (!link.includes("://")) assert.ok(existsSync(join(ROOT, dirname(document), link)), `${document}: ${link}`);
  });

  it("name files that exist", () => {
    for (const document of documents)
      for (const [, file = ""] of readFile(document).matchAll(
        /`((?:packages|scripts|support|test|docs|images)\/[\w./-]+)`/g,
      ))
        assert.ok(existsSync(join(ROOT, file)), `${document}: ${file}`);
  });
});

describe("English", () => {
  it("has none of the wrong phrases", () => {
    const exclude = ["**/node_modules", "dist", ".cache", "test/docs.test.ts"];
    const files = globSync("**/*.{md,ts}", { cwd: ROOT, exclude });
    assert.ok(files.includes("README.md") && files.includes("support/paths.ts"));
    const found = files.flatMap((file) => findWrongPhrases(readFile(file)).map((phrase) => `${file}: ${phrase}`));
    assert.deepEqual(found, []);
  });

  it("is checked across line breaks, and accepts correct phrases", () => {
    assert.deepEqual(findWrongPhrases(" * The upload is gone on\n * with."), ["gone on with"]);
    assert.deepEqual(findWrongPhrases("Delays are due to a headless Service."), []);
  });
});

describe("annotated Jobs in documents", () => {
  for (const document of ["README.md", "docs/guide.md"])
    it(`can be injected: ${document}`, () => {
      const jobs = readFile(document).matchAll(
        /^apiVersion: batch\/v1\nkind: Job\n(?:[^`](?!^END$))*?annotations:[\s\S]*?(?=^(?:END|```)$)/gm,
      );
      const templates = [...jobs].flatMap(([text]) => findTemplates(parse(text)));
      assert.ok(templates.length > 0);
      for (const { pod, object } of templates)
        assert.equal(injectPod(pod, { image: "tools", delivery: "install" }).kind, "step", object);
    });
});
