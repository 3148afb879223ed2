import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { describe, it } from "node:test";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { looksRandom, repeatsItself } from "oras-push/layer/randomness";
import { prose } from "../support.ts";

const SIZE = 64 << 10;
const TEXT = prose(16 * SIZE);
const RANDOM = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(64 * SIZE));

/** Yields the blocks of a buffer. */
function* blocksOf(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start + SIZE <= bytes.length; start += SIZE) yield bytes.subarray(start, start + SIZE);
}

/** Returns a mebibyte of machine code. */
function machineCode(): Buffer {
  const code = Buffer.alloc(1 << 20);
  const file = openSync(process.execPath, "r");
  assert.equal(readSync(file, code, { position: 20 << 20 }), code.length);
  closeSync(file);
  return code;
}

describe("looksRandom", () => {
  it("accepts the output of a cipher", () => {
    for (const block of blocksOf(RANDOM)) assert.equal(looksRandom(block), true);
  });

  const brotli = (text: Buffer) => brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
  for (const [name, compress] of Object.entries({ gzip: gzipSync, brotli }))
    it(`accepts most output of ${name}`, (t) => {
      const blocks = Array.from({ length: 20 }, (_, index) => {
        const compressed = compress(prose(7 * SIZE, index + 1));
        assert.ok(compressed.length >= 2 * SIZE, `${compressed.length} bytes`);
        return compressed.subarray(SIZE, 2 * SIZE);
      });
      const random = blocks.filter(looksRandom).length;
      t.diagnostic(`${random} of ${blocks.length}`);
      assert.ok(random >= 0.6 * blocks.length, `${random} of ${blocks.length}`);
    });

  it("rejects text, zeros, programs and numbers", () => {
    const numbers = Buffer.from(Float64Array.from({ length: SIZE / 8 }, (_, index) => Math.sin(index)).buffer);
    for (const bytes of [TEXT, Buffer.alloc(SIZE), numbers, machineCode()])
      for (const block of blocksOf(bytes)) assert.equal(looksRandom(block), false);
  });

  it("rejects a block with text at its start, in its middle or at its end", () => {
    for (const place of [0, SIZE / 2, SIZE - (12 << 10)]) {
      const block = Buffer.from(RANDOM.subarray(0, SIZE));
      TEXT.copy(block, place, 0, 12 << 10);
      assert.equal(looksRandom(block), false, String(place));
    }
  });
});

describe("repeatsItself", () => {
  const WINDOW = 8 << 10;

  it("detects random bytes that occur again within the window, and none beyond it", () => {
    const period = (size: number) => Buffer.alloc(SIZE, RANDOM.subarray(0, size));
    assert.equal(repeatsItself(period(WINDOW), WINDOW), true);
    assert.equal(repeatsItself(period(3000), WINDOW), true);
    assert.equal(repeatsItself(period(WINDOW + 1), WINDOW), false);
  });

  it("detects a repetition of the first or the last part alone", () => {
    const block = Buffer.from(RANDOM.subarray(0, SIZE));
    assert.equal(repeatsItself(block, WINDOW), false);
    const first = Buffer.from(block);
    first.copy(first, WINDOW, 0, WINDOW);
    assert.equal(repeatsItself(first, WINDOW), true);
    const last = Buffer.from(block);
    last.copy(last, SIZE - 4096, SIZE - 8192);
    assert.equal(repeatsItself(last, WINDOW), true);
  });
});
