import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { compressed as compress, DEFAULT_LEVEL, STORED } from "oras-push/layer/compression";
import { run } from "../../../support/tools.ts";
import { assertBytes, collect, noise, pieces, sha256 } from "../support.ts";

const BLOCK = 256 << 10;
const TEXT = Buffer.from(Array.from({ length: 200_000 }, (_, index) => `${index * 7919}\n`).join(""));

/** The layer of an archive, at the default level unless a test needs another. */
function gzip(archive: AsyncIterable<Buffer>, level: number = DEFAULT_LEVEL): AsyncIterable<Buffer> {
  return compress(archive, level);
}

/** The output of GNU gzip for a compressed stream: the content and the messages. */
function unzip(compressed: Buffer): { content: Buffer; messages: string } {
  const { stdout, stderr } = spawnSync("gzip", ["-dc"], { input: compressed, maxBuffer: 1 << 28 });
  return { content: stdout, messages: stderr.toString() };
}

describe("gzip", () => {
  for (const size of [0, 1, 100, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK - 1, 10 * BLOCK + 7])
    for (const [kind, bytes] of [
      ["noise", noise(size)],
      ["zeros", Buffer.alloc(size)],
    ] as const)
      it(`writes ${size} bytes of ${kind} so that gzip and zlib read them`, async () => {
        const compressed = await collect(gzip(pieces(bytes)));
        assertBytes(gunzipSync(compressed), bytes);
        const { content, messages } = unzip(compressed);
        assert.equal(messages, "");
        assertBytes(content, bytes);
      });

  it("writes one member without name and time for no bytes", async () => {
    assert.equal(
      (await collect(gzip(pieces(Buffer.alloc(0))))).toString("hex"),
      `${"1f8b0800000000000003"}${"0300"}${"00000000"}${"00000000"}`,
    );
  });

  it("passes gzip -t", () => {
    return collect(gzip(pieces(TEXT))).then((compressed) => {
      const { status, stderr } = spawnSync("gzip", ["-t"], { input: compressed });
      assert.equal(stderr.toString(), "");
      assert.equal(status, 0);
    });
  });

  it("gives the same bytes for chunks of any size", async () => {
    const expected = await collect(gzip(pieces(TEXT)));
    for (const size of [999, BLOCK, 3 * BLOCK + 1, TEXT.length])
      assert.ok((await collect(gzip(pieces(TEXT, size)))).equals(expected), String(size));
  });

  it("uses level 5 by default, and level 1 gives more bytes", async () => {
    assert.equal(DEFAULT_LEVEL, 5);
    const usual = await collect(gzip(pieces(TEXT)));
    assertBytes(usual, await collect(gzip(pieces(TEXT), 5)));
    assert.ok((await collect(gzip(pieces(TEXT), 1))).length > usual.length);
  });

  it("gives at most 2 % more bytes than gzip -6 by default", async () => {
    const sources = Buffer.concat(globSync("packages/**/*.ts").map((file) => readFileSync(file)));
    for (const bytes of [TEXT, sources]) {
      const { stdout } = spawnSync("gzip", ["-6", "-c"], { input: bytes, maxBuffer: 1 << 28 });
      const { length } = await collect(gzip(pieces(bytes)));
      assert.ok(length <= stdout.length * 1.02, `${length} and ${stdout.length} bytes`);
    }
  });

  it("stores incompressible blocks uncompressed at every level", async () => {
    const random = noise(3 * BLOCK);
    for (const level of [STORED, 1, 5, 9]) {
      const compressed = await collect(gzip(pieces(random), level));
      assertBytes(gunzipSync(compressed), random);
      // After the gzip header comes the header of a stored block of the maximum length.
      assert.equal(compressed.subarray(10, 15).toString("hex"), "00ffff0000", `level ${level}`);
      assert.ok(compressed.length < random.length + 100, `${compressed.length} bytes`);
    }
  });

  it("compresses blocks between incompressible ones", async () => {
    const mixed = Buffer.concat([
      noise(BLOCK),
      Buffer.alloc(BLOCK, "text "),
      noise(BLOCK / 2),
      Buffer.alloc(BLOCK / 2),
    ]);
    const { length } = await collect(gzip(pieces(mixed)));
    assert.ok(length < 1.52 * BLOCK, `${length / BLOCK} blocks`);
  });

  it("finds repetitions of the previous block", async () => {
    const repeated = Buffer.concat(Array.from({ length: 50 }, () => noise(30_000)));
    const { length } = await collect(gzip(pieces(repeated)));
    assert.ok(length < 60_000, `${length} bytes for 30000 repeated bytes`);
  });

  it("gives the same bytes with one thread and with four", async () => {
    const script = `
      import { compressed, DEFAULT_LEVEL } from "oras-push/layer/compression";
      import { collect, noise, pieces, sha256 } from "./test/oras-push/support.ts";
      const text = Buffer.concat([noise(3000000), Buffer.from("abc ".repeat(500000))]);
      console.log(sha256(await collect(compressed(pieces(text), DEFAULT_LEVEL))));`;
    const digests = await Promise.all(
      ["1", "4"].map(async (threads) => {
        const env = { ...process.env, UV_THREADPOOL_SIZE: threads };
        const args = ["--input-type=module-typescript", "-e", script];
        const { stdout, stderr, code } = await run(process.execPath, args, { env });
        assert.equal(code, 0, stderr);
        return stdout.trim();
      }),
    );
    assert.match(digests[0] ?? "", /^[0-9a-f]{64}$/);
    assert.equal(digests[0], digests[1]);
  });

  it("writes the header and the size of the member", async () => {
    assert.equal(sha256(gunzipSync(await collect(gzip(pieces(TEXT))))), sha256(TEXT));
    const again = await collect(gzip(pieces(TEXT)));
    assertBytes(again, await collect(gzip(pieces(TEXT))));
    assert.equal(again.subarray(0, 10).toString("hex"), "1f8b0800000000000003");
    assert.equal(again.readUInt32LE(again.length - 4), TEXT.length);
  });

  it("throws the error of the source unchanged", async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield noise(5 * BLOCK);
      throw new Error("the source");
    }
    await assert.rejects(collect(gzip(failing())), /^Error: the source$/);
  });

  it("closes the source when the reader stops", async () => {
    let closed = false;
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        for (;;) yield noise(BLOCK);
      } finally {
        closed = true;
      }
    }
    for await (const chunk of gzip(endless())) if (chunk.length > 1000) break;
    assert.equal(closed, true);
  });

  it("returns small results in memory of their own size", async () => {
    const kept: Buffer[] = [];
    for await (const chunk of gzip(pieces(Buffer.alloc(32 << 20)))) kept.push(chunk);
    const buffers = new Set(kept.map(({ buffer }) => buffer));
    const bytes = [...buffers].reduce((total, { byteLength }) => total + byteLength, 0);
    assert.ok(bytes < 1 << 20, `${bytes} bytes are kept`);
  });

  it("does not read far ahead of a slow reader", async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        read += BLOCK;
        yield noise(BLOCK);
      }
    }
    const stream = gzip(endless())[Symbol.asyncIterator]();
    for (let count = 0; count < 3; count++) await stream.next();
    assert.ok(read < 100 * BLOCK, `${read / BLOCK} blocks read ahead`);
    await stream.return?.(undefined);
  });
});
