import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { suggestion } from "shared/cli/suggestion";

const OPTIONS = ["share", "input", "output", "output-pipe", "plain-http", "init-timeout", "timeout", "logs", "grace"];

describe("a suggestion", () => {
  for (const [word, meant] of [
    ["plain-htp", "plain-http"],
    ["plian-http", "plain-http"],
    ["outputs", "output"],
    ["ouput", "output"],
    ["log", "logs"],
    ["init", "init-timeout"],
    ["tiemout", "timeout"],
  ] as const)
    it(`is ${meant} for ${word}`, () => {
      assert.equal(suggestion(word, OPTIONS), meant);
    });

  for (const word of ["x", "lo", "rags", "nonsense", "password", ""])
    it(`is missing for ${JSON.stringify(word)}`, () => {
      assert.equal(suggestion(word, OPTIONS), undefined);
    });
});
