import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatNumber } from "../../scripts/bench/numbers.ts";
import { roundRatios, spreadOf } from "../../scripts/bench/statistics.ts";
import { reachesGoal } from "../../scripts/bench/table.ts";

describe("statistics", () => {
  it("computes the median of an odd and of an even number of values", () => {
    assert.deepEqual(spreadOf([9, 1, 2]), { median: 2, low: 1, high: 9 });
    assert.deepEqual(spreadOf([4, 1, 2, 100]), { median: 3, low: 1, high: 100 });
    assert.throws(() => spreadOf([]), /expected one or more values/);
  });

  it("divides the values of the same round and ignores rounds of one side", () => {
    assert.deepEqual(roundRatios([1, 3, 5], [2, 2]), [0.5, 1.5]);
    assert.deepEqual(roundRatios([1], [2, 2]), [0.5]);
    assert.deepEqual(roundRatios([1], []), []);
  });

  it("compares the median with the goal, as an upper or a lower bound", () => {
    const row = { work: "", figure: "", values: [1, 2, 9] };
    assert.equal(reachesGoal(row), undefined);
    assert.equal(reachesGoal({ ...row, goal: 2 }), true);
    assert.equal(reachesGoal({ ...row, goal: 1.9 }), false);
    assert.equal(reachesGoal({ ...row, goal: 3, atLeast: true }), false);
    assert.equal(reachesGoal({ ...row, values: [3], goal: 3, atLeast: true }), true);
  });

  it("formats numbers with three significant digits", () => {
    assert.deepEqual([0, 0.0123456, 1.5, 99.96, 113.4, 8450.2].map(formatNumber), [
      "0",
      "0.0123",
      "1.50",
      "100",
      "113",
      "8,450",
    ]);
  });
});
