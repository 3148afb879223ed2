import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isDigest, shortDigest } from "oras-push/oci/digest";
import { digestOf, Meter, metered } from "oras-push/oci/meter";
import { assertBytes, collect, noise, pieces } from "../support.ts";

// FIPS 180-4's own examples.
const EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ABC = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

describe("digests", () => {
  it("bytes have the digest of the standard's examples", () => {
    assert.equal(digestOf(Buffer.alloc(0)), EMPTY);
    assert.equal(digestOf(Buffer.from("abc")), ABC);
  });

  it("a meter counts and hashes what passes by, in pieces of any size", async () => {
    const bytes = noise(100_003);
    for (const size of [1000, 4096, 100_003]) {
      const meter = new Meter();
      assertBytes(await collect(metered(pieces(bytes, size), meter)), bytes);
      assert.equal(meter.size, bytes.length);
      assert.equal(meter.digest(), digestOf(bytes));
      assert.equal(meter.digest(), digestOf(bytes), "and says it twice");
    }
  });

  it("only sha256 in lower case is a digest", () => {
    assert.equal(isDigest(ABC), true);
    for (const text of [ABC.toUpperCase(), ABC.slice(1), `${ABC}0`, `${ABC}\n`, ABC.slice(0, -1), "", undefined, 1])
      assert.equal(isDigest(text), false, String(text));
  });

  it("a log shows the first twelve digits", () => assert.equal(shortDigest(ABC), "ba7816bf8f01"));
});
