import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatReference, parseLayoutReference } from "oras-push/oci/reference";

const DIGEST = `sha256:${"a".repeat(64)}` as const;

describe("layout references", () => {
  it("are parsed as oras does, and formatted", () => {
    for (const [text, layout, tag, digest] of [
      ["results:1", "results", "1", undefined],
      ["/data/a:b/layout:v1.2", "/data/a:b/layout", "v1.2", undefined],
      ["/data/a:b/layout", "/data/a:b/layout", undefined, undefined],
      [`results@${DIGEST}`, "results", undefined, DIGEST],
      [`a:b@${DIGEST}`, "a:b", undefined, DIGEST],
      ["me@home/layout:1", "me@home/layout", "1", undefined],
      [".", ".", undefined, undefined],
    ] as const) {
      assert.deepEqual(parseLayoutReference(text), { layout, tag, digest });
      assert.equal(formatReference(parseLayoutReference(text)), text);
    }
  });

  it("are rejected with the invalid part", () => {
    assert.throws(() => parseLayoutReference(":1"), /expected DIR\[:TAG\] or DIR@DIGEST/);
    assert.throws(() => parseLayoutReference("a:b c"), /"b c" is not a valid tag/);
    assert.throws(() => parseLayoutReference("a:"), /"" is not a valid tag/);
    assert.throws(() => parseLayoutReference("a@sha256:12"), /expected a sha256 digest after @$/);
  });
});
