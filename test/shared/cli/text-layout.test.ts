import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definitionColumn, layOutDefinitions, wrapCommand, wrapText } from "shared/cli/text-layout";

describe("text layout", () => {
  it("breaks text at spaces, with hanging indents", () => {
    assert.equal(wrapText("aa bb cc dd", 7, "- ", "  "), "- aa bb\n  cc dd");
  });

  it("keeps a word that is longer than the width", () => {
    assert.equal(wrapText("a bbbbbbbb c", 4), "a\nbbbbbbbb\nc");
  });

  it("does not break at no-break spaces", () => {
    assert.equal(wrapText("aa bb\u00a0cc", 6), "aa\nbb cc");
  });

  it("continues a command line with backslashes, and keeps quoted words", () => {
    assert.equal(wrapCommand("tool --long 'a b' \"c d\" e", 16, "  "), "  tool --long \\\n    'a b' \\\n    \"c d\" e");
  });

  it("aligns explanations, and gives long terms a line of their own", () => {
    const definitions = [
      ["-a", "first words"],
      ["--a-very-long-term", "second"],
    ] as const;
    const column = definitionColumn(definitions, 20);
    assert.equal(column, 6);
    assert.equal(layOutDefinitions(definitions, 20, column), "  -a  first words\n  --a-very-long-term\n      second");
    assert.equal(layOutDefinitions([["-a", "first words"]], 14, 6), "  -a  first\n      words");
  });
});
