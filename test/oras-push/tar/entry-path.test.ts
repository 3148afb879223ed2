import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkLinkTarget, safeParts, UnsafePathError } from "oras-push/tar/entry-path";

describe("the parts of a path", () => {
  for (const [path, parts] of Object.entries({
    a: ["a"],
    "a/b/c": ["a", "b", "c"],
    "./a//b/./": ["a", "b"],
    "..a/b..": ["..a", "b.."],
    "...": ["..."],
    "a\\..\\b": ["a\\..\\b"],
    "-rf": ["-rf"],
    "a\nb": ["a\nb"],
    "": [],
    ".": [],
    "./": [],
  }))
    it(`of ${JSON.stringify(path)} are ${JSON.stringify(parts)}`, () => assert.deepEqual(safeParts(path), parts));

  for (const path of ["..", "../x", "a/..", "a/../b", "a/b/../../../c", "./..", "/", "/etc/passwd", "//x", "a\0b"])
    it(`of ${JSON.stringify(path)} are refused`, () => assert.throws(() => safeParts(path), UnsafePathError));
});

describe("the target of a link", () => {
  for (const [link, target] of [
    ["a/l", "b"],
    ["a/l", "./b/../c"],
    ["a/b/l", "../c"],
    ["a/b/c/l", "../../d/e"],
    ["a/b/l", "..//c/"],
    ["a/l", "..a"],
  ] as const)
    it(`of ${link} may be ${target}`, () => checkLinkTarget(link.split("/"), target, 1));

  for (const [link, target] of [
    ["a/l", ".."],
    ["a/l", "../a/b"],
    ["a/b/l", "../.."],
    ["a/b/l", "../../a/b"],
    ["a/b/l", "x/../../../y"],
    ["a/l", "/a/b"],
    ["a/l", "/"],
    ["a/l", "b/../../a"],
  ] as const)
    it(`of ${link} may not be ${target}`, () =>
      assert.throws(() => checkLinkTarget(link.split("/"), target, 1), UnsafePathError));

  it("may climb as far as the folder of a layer reaches up, and no further", () => {
    checkLinkTarget(["l"], "x", 0);
    checkLinkTarget(["a", "l"], "../x", 0);
    assert.throws(() => checkLinkTarget(["l"], "..", 0), UnsafePathError);
    assert.throws(() => checkLinkTarget(["a", "b", "l"], "../x", 2), UnsafePathError);
  });
});
