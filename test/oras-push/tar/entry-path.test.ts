import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkLinkTarget, safeParts, UnsafePathError } from "oras-push/tar/entry-path";

describe("safeParts", () => {
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
    it(`splits ${JSON.stringify(path)} into ${JSON.stringify(parts)}`, () => assert.deepEqual(safeParts(path), parts));

  for (const path of ["..", "../x", "a/..", "a/../b", "a/b/../../../c", "./..", "/", "/etc/passwd", "//x", "a\0b"])
    it(`rejects ${JSON.stringify(path)}`, () => assert.throws(() => safeParts(path), UnsafePathError));
});

describe("checkLinkTarget", () => {
  for (const [link, target] of [
    ["a/l", "b"],
    ["a/l", "./b/../c"],
    ["a/b/l", "../c"],
    ["a/b/c/l", "../../d/e"],
    ["a/b/l", "..//c/"],
    ["a/l", "..a"],
  ] as const)
    it(`accepts ${link} -> ${target}`, () => checkLinkTarget(link.split("/"), target, 1));

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
    it(`rejects ${link} -> ${target}`, () =>
      assert.throws(() => checkLinkTarget(link.split("/"), target, 1), UnsafePathError));

  it("lets a target climb up to the folder of the layer, but not above it", () => {
    checkLinkTarget(["l"], "x", 0);
    checkLinkTarget(["a", "l"], "../x", 0);
    assert.throws(() => checkLinkTarget(["l"], "..", 0), UnsafePathError);
    assert.throws(() => checkLinkTarget(["a", "b", "l"], "../x", 2), UnsafePathError);
  });
});
