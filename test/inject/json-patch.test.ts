/** JSON patches, applied to JSON values and to YAML documents. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { add, applyPatch, below, type JsonPatch, move, remove } from "oras-push/inject/json-patch";
import { patchYaml } from "oras-push/inject/yaml-patch";
import { parseDocument } from "yaml";

const SHARED = { name: "x" };

const CASES: readonly (readonly [what: string, patch: JsonPatch, expected: object])[] = [
  ["adds a field", [add(["b"], 1)], { a: [1, 2], b: 1 }],
  ["replaces a field", [add(["a"], "x")], { a: "x" }],
  ["inserts into an array", [add(["a", 1], 9)], { a: [1, 9, 2] }],
  ["appends to an array", [add(["a", "-"], 9)], { a: [1, 2, 9] }],
  ["removes from an array", [remove(["a", 0])], { a: [2] }],
  ["removes a field", [remove(["a"])], {}],
  ["moves a value", [add(["b"], []), move(["a", 0], ["b", "-"])], { a: [2], b: [1] }],
  ["escapes names", [add(["m~n/o"], 1)], { a: [1, 2], "m~n/o": 1 }],
  ["adds a value twice", [add(["b"], [SHARED, SHARED])], { a: [1, 2], b: [{ name: "x" }, { name: "x" }] }],
];

describe("a patch", () => {
  for (const [what, patch, expected] of CASES)
    it(`${what}, in JSON and in YAML`, () => {
      const value = { a: [1, 2] };
      assert.deepEqual(applyPatch<object>(value, patch), expected);
      assert.deepEqual(value, { a: [1, 2] });
      const document = parseDocument("a: [1, 2]\n");
      patchYaml(document, patch);
      assert.deepEqual(document.toJS(), expected);
      assert.doesNotMatch(document.toString(), /[&*]a/);
    });

  it("has the paths of RFC 6901", () => {
    const paths = below(["x", 0], [add(["a/b", "m~n"], 1), move(["c"], ["d"])]);
    assert.deepEqual(paths, [
      { op: "add", path: "/x/0/a~1b/m~0n", value: 1 },
      { op: "move", from: "/x/0/c", path: "/x/0/d" },
    ]);
  });

  it("fails for a path that does not exist", () => {
    for (const patch of [[add(["b", "c"], 1)], [remove(["a", 0, "x"])], [add([], 1)]]) {
      assert.throws(() => applyPatch({ a: [1] }, patch), /does not exist$/);
      assert.throws(() => patchYaml(parseDocument("a: [1]\n"), patch), /does not exist$/);
    }
  });
});
