import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { readAhead } from "oras-push/layer/read-ahead";

describe("a generator that is read ahead", () => {
  let made = 0;
  let closed = 0;

  async function* numbers(count: number): AsyncGenerator<number, string> {
    made = 0;
    closed = 0;
    try {
      for (; made < count; ) yield ++made;
      return "end";
    } finally {
      closed++;
    }
  }

  it("gives the same values in the same order, and the same result", async () => {
    const values: number[] = [];
    const read = readAhead(numbers(10), 3);
    let next = await read.next();
    for (; next.done !== true; next = await read.next()) values.push(next.value);
    assert.deepEqual(values, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.equal(next.value, "end");
    assert.equal(closed, 1);
  });

  it("works while the consumer is busy, but only up to the limit", async () => {
    const read = readAhead(numbers(10), 3);
    assert.equal((await read.next()).value, 1);
    await setImmediate();
    assert.equal(made, 4);
    await read.return("");
    assert.equal(closed, 1);
  });

  it("throws the error of the generator after the values before the error", async () => {
    async function* failing() {
      yield 1;
      yield 2;
      throw new Error("broken");
    }
    const values: number[] = [];
    await assert.rejects(async () => {
      for await (const value of readAhead(failing(), 5)) values.push(value);
    }, /^Error: broken$/);
    assert.deepEqual(values, [1, 2]);
  });
});
