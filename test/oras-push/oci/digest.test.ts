import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isDigest, shortDigest } from "oras-push/oci/digest";
import { digestOf, Meter, metered } from "oras-push/oci/meter";
import { assertBytes, collect, noise, pieces } from "../support.ts";

// The examples of FIPS 180-4.
const EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ABC = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

describe("digests", () => {
  it("match the examples of the standard", () => {
    assert.equal(digestOf(Buffer.alloc(0)), EMPTY);
    assert.equal(digestOf(Buffer.from("abc")), ABC);
  });

  it("are computed by a meter for pieces of any size", async () => {
    const bytes = noise(100_003);
    for (const size of [1000, 4096, 100_003]) {
      const meter = new Meter();
      assertBytes(await collect(metered(pieces(bytes, size), meter)), bytes);
      assert.equal(meter.size, bytes.length);
      assert.equal(meter.digest(), digestOf(bytes));
      assert.equal(meter.digest(), digestOf(bytes), "the second call");
    }
  });

  it("are sha256 in lower case only", () => {
    assert.equal(isDigest(ABC), true);
    for (const text of [ABC.toUpperCase(), ABC.slice(1), `${ABC}0`, `${ABC}\n`, ABC.slice(0, -1), "", undefined, 1])
      assert.equal(isDigest(text), false, String(text));
  });

  it("are shortened to twelve digits for logs", () => assert.equal(shortDigest(ABC), "ba7816bf8f01"));
});
