import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { storedBlocks } from "oras-push/layer/deflate-stored";
import { noise } from "../support.ts";

describe("stored blocks", () => {
  it("have a type, a length, the inverted length, and the bytes", () => {
    assert.equal(storedBlocks(Buffer.from("abc")).toString("hex"), "000300fcff616263");
  });

  it("contain at most 65535 bytes each", () => {
    const bytes = noise(65_536);
    const blocks = storedBlocks(bytes);
    assert.equal(blocks.length, 65_536 + 10);
    assert.equal(blocks.subarray(0, 5).toString("hex"), "00ffff0000");
    assert.ok(blocks.subarray(5, 5 + 65_535).equals(bytes.subarray(0, 65_535)));
    assert.equal(blocks.subarray(5 + 65_535).toString("hex"), `000100feff${bytes.subarray(65_535).toString("hex")}`);
  });

  it("are empty for no bytes", () => {
    assert.equal(storedBlocks(Buffer.alloc(0)).length, 0);
  });
});
