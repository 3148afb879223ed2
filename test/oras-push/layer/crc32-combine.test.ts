import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { crc32 } from "node:zlib";
import { crc32Combine } from "oras-push/layer/crc32-combine";
import { noise } from "../support.ts";

describe("the CRC-32 of joined bytes", () => {
  for (const [first, second] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
    [3, 512 << 10],
    [100_000, 12_345],
    [512 << 10, 777],
  ] as const)
    it(`comes from the sums of ${first} and ${second} bytes`, () => {
      const bytes = noise(first + second);
      const sums = [crc32(bytes.subarray(0, first)), crc32(bytes.subarray(first))] as const;
      assert.equal(crc32Combine(...sums, second), crc32(bytes));
    });

  it("is right for lengths above 2^32", () => {
    const size = 1 << 20;
    let expected = crc32("x");
    let combined = expected;
    // Combines the CRC of 5 GiB of zeros in two ways: in steps of 1 MiB, and in one step.
    const zeros = crc32(Buffer.alloc(size));
    let all = 0;
    for (let count = 0; count < 5 << 10; count++) {
      expected = crc32Combine(expected, zeros, size);
      all = crc32Combine(all, zeros, size);
    }
    combined = crc32Combine(combined, all, (5 << 10) * size);
    assert.equal(combined, expected);
  });
});
