import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mapConcurrently } from "oras-push/artifact/concurrency";

/** Promises that a test resolves. */
function gates(count: number) {
  return Array.from({ length: count }, () => Promise.withResolvers<void>());
}

describe("mapConcurrently", () => {
  it("keeps the order of results, whichever item ends first", async () => {
    const opened = gates(3);
    const result = mapConcurrently([0, 1, 2], 3, async (index) => {
      await opened[index]?.promise;
      return `item ${index}`;
    });
    for (const gate of [...opened].reverse()) gate.resolve();
    assert.deepEqual(await result, ["item 0", "item 1", "item 2"]);
  });

  it("works on at most the limit of items at the same time", async () => {
    let running = 0;
    let peak = 0;
    await mapConcurrently(Array.from({ length: 20 }), 3, async () => {
      peak = Math.max(peak, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    });
    assert.equal(peak, 3);
  });

  it("starts no item after a failure, waits for the running ones, and throws the first error", async () => {
    const opened = gates(2);
    const started: number[] = [];
    const ended: number[] = [];
    const result = mapConcurrently([0, 1, 2, 3], 2, async (index) => {
      started.push(index);
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
    assert.equal(settled, false, "the other item is not awaited");
    opened[0]?.resolve();
    await rejected;
    assert.deepEqual(started, [0, 1]);
    assert.deepEqual(ended, [1, 0]);
  });

  it("returns no results for no items", async () => {
    assert.deepEqual(await mapConcurrently([], 3, () => Promise.reject(new Error("never"))), []);
  });
});
