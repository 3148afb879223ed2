import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isMet, parseCondition } from "shared/cli/condition";
import { USAGE } from "wait-fs/options";

describe("a condition on the environment", () => {
  it("is a name and a value, split at the first =", () => {
    assert.deepEqual(parseCondition(USAGE, "INDEX=0"), { name: "INDEX", value: "0" });
    assert.deepEqual(parseCondition(USAGE, "A=b=c"), { name: "A", value: "b=c" });
    assert.equal(parseCondition(USAGE, undefined), undefined);
  });

  it("is invalid without a name or a =", () => {
    for (const text of ["INDEX", "=0", ""])
      assert.throws(() => parseCondition(USAGE, text), {
        code: "usage",
        message: /^--only-if must be NAME=VALUE, not "/,
      });
  });

  it("is met if the variable has the value; a variable that is not set is empty", () => {
    const condition = { name: "INDEX", value: "0" };
    assert.equal(isMet(condition, { INDEX: "0" }), true);
    assert.equal(isMet(condition, { INDEX: "1" }), false);
    assert.equal(isMet(condition, {}), false);
    assert.equal(isMet({ name: "INDEX", value: "" }, {}), true);
    assert.equal(isMet(undefined, {}), true);
  });
});
