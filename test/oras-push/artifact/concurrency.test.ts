import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mapConcurrently } from "oras-push/artifact/concurrency";

/** Promises that are settled by hand. */
function gates(count: number) {
  return Array.from({ length: count }, () => Promise.withResolvers<void>());
}

describe("working on several items at a time", () => {
  it("results stay in order, whatever ends first", async () => {
    const opened = gates(3);
    const result = mapConcurrently([0, 1, 2], 3, async (index) => {
      await opened[index]?.promise;
      return `item ${index}`;
    });
    for (const gate of [...opened].reverse()) gate.resolve();
    assert.deepEqual(await result, ["item 0", "item 1", "item 2"]);
  });

  it("no more than the limit are at work at once", async () => {
    let running = 0;
    let most = 0;
    await mapConcurrently(Array.from({ length: 20 }), 3, async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    });
    assert.equal(most, 3);
  });

  it("after a failure nothing new is begun, what runs is waited for, and the first failure is thrown", async () => {
    const opened = gates(2);
    const begun: number[] = [];
    const ended: number[] = [];
    const result = mapConcurrently([0, 1, 2, 3], 2, async (index) => {
      begun.push(index);
      await opened[index]?.promise;
      ended.push(index);
      throw new Error(`item ${index}`);
    });
    let settled = false;
    const rejected = assert.rejects(result, /^Error: item 1$/).then(() => {
      settled = true;
    });
    opened[1]?.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(settled, false, "the other one is not waited for");
    opened[0]?.resolve();
    await rejected;
    assert.deepEqual(begun, [0, 1]);
    assert.deepEqual(ended, [1, 0]);
  });

  it("nothing to do gives nothing", async () => {
    assert.deepEqual(await mapConcurrently([], 3, () => Promise.reject(new Error("never"))), []);
  });
});
