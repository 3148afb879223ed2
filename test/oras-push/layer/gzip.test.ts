import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { DEFAULT_LEVEL, STORED } from "oras-push/layer/compression-level";
import { gzip } from "oras-push/layer/gzip";
import { run } from "../../../support/tools.ts";
import { assertBytes, collect, noise, pieces, sha256 } from "../support.ts";

const BLOCK = 256 << 10;
const TEXT = Buffer.from(Array.from({ length: 200_000 }, (_, index) => `${index * 7919}\n`).join(""));

/** What GNU gzip makes of it: its complaint, or the content. */
function unzip(compressed: Buffer): { content: Buffer; complaint: string } {
  const { stdout, stderr } = spawnSync("gzip", ["-dc"], { input: compressed, maxBuffer: 1 << 28 });
  return { content: stdout, complaint: stderr.toString() };
}

describe("gzip", () => {
  for (const size of [0, 1, 100, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK - 1, 10 * BLOCK + 7])
    for (const [kind, bytes] of [
      ["noise", noise(size)],
      ["zeros", Buffer.alloc(size)],
    ] as const)
      it(`${size} bytes of ${kind} are read back by gzip and by zlib`, async () => {
        const compressed = await collect(gzip(pieces(bytes)));
        assertBytes(gunzipSync(compressed), bytes);
        const { content, complaint } = unzip(compressed);
        assert.equal(complaint, "");
        assertBytes(content, bytes);
      });

  it("no bytes give these bytes: one member, without name and time", async () => {
    assert.equal(
      (await collect(gzip(pieces(Buffer.alloc(0))))).toString("hex"),
      `${"1f8b0800000000000003"}${"0300"}${"00000000"}${"00000000"}`,
    );
  });

  it("gzip -t finds no fault", () => {
    return collect(gzip(pieces(TEXT))).then((compressed) => {
      const { status, stderr } = spawnSync("gzip", ["-t"], { input: compressed });
      assert.equal(stderr.toString(), "");
      assert.equal(status, 0);
    });
  });

  it("the size of the pieces that come does not matter", async () => {
    const expected = await collect(gzip(pieces(TEXT)));
    for (const size of [999, BLOCK, 3 * BLOCK + 1, TEXT.length])
      assert.ok((await collect(gzip(pieces(TEXT, size)))).equals(expected), String(size));
  });

  it("the default level is 5, and 1 gives more bytes", async () => {
    assert.equal(DEFAULT_LEVEL, 5);
    const usual = await collect(gzip(pieces(TEXT)));
    assertBytes(usual, await collect(gzip(pieces(TEXT), 5)));
    assert.ok((await collect(gzip(pieces(TEXT), 1))).length > usual.length);
  });

  it("the default gives no more than 1.02 of what gzip -6 gives", async () => {
    const sources = Buffer.concat(globSync("packages/**/*.ts").map((file) => readFileSync(file)));
    for (const bytes of [TEXT, sources]) {
      const { stdout } = spawnSync("gzip", ["-6", "-c"], { input: bytes, maxBuffer: 1 << 28 });
      const { length } = await collect(gzip(pieces(bytes)));
      assert.ok(length <= stdout.length * 1.02, `${length} and ${stdout.length} bytes`);
    }
  });

  it("what can't be compressed is stored as it is, at every level", async () => {
    const random = noise(3 * BLOCK);
    for (const level of [STORED, 1, 5, 9]) {
      const compressed = await collect(gzip(pieces(random), level));
      assertBytes(gunzipSync(compressed), random);
      // The gzip header, then that of a stored block, of the most that it can hold.
      assert.equal(compressed.subarray(10, 15).toString("hex"), "00ffff0000", `level ${level}`);
      assert.ok(compressed.length < random.length + 100, `${compressed.length} bytes`);
    }
  });

  it("what is small among what can't be compressed is compressed all the same", async () => {
    const mixed = Buffer.concat([
      noise(BLOCK),
      Buffer.alloc(BLOCK, "text "),
      noise(BLOCK / 2),
      Buffer.alloc(BLOCK / 2),
    ]);
    const { length } = await collect(gzip(pieces(mixed)));
    assert.ok(length < 1.52 * BLOCK, `${length / BLOCK} blocks`);
  });

  it("a block is compressed with the end of the one before in mind", async () => {
    const repeated = Buffer.concat(Array.from({ length: 50 }, () => noise(30_000)));
    const { length } = await collect(gzip(pieces(repeated)));
    assert.ok(length < 60_000, `${length} bytes for 30000 that come again and again`);
  });

  it("the bytes are the same with one thread and with four", async () => {
    const script = `
      import { gzip } from "oras-push/layer/gzip";
      import { collect, noise, pieces, sha256 } from "./test/oras-push/support.ts";
      const text = Buffer.concat([noise(3000000), Buffer.from("abc ".repeat(500000))]);
      console.log(sha256(await collect(gzip(pieces(text)))));`;
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

  it("the bytes are these: a change here changes every digest that users pin", async () => {
    assert.equal(sha256(gunzipSync(await collect(gzip(pieces(TEXT))))), sha256(TEXT));
    const again = await collect(gzip(pieces(TEXT)));
    assertBytes(again, await collect(gzip(pieces(TEXT))));
    assert.equal(again.subarray(0, 10).toString("hex"), "1f8b0800000000000003");
    assert.equal(again.readUInt32LE(again.length - 4), TEXT.length);
  });

  it("a source that fails fails the stream as itself", async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield noise(5 * BLOCK);
      throw new Error("the source");
    }
    await assert.rejects(collect(gzip(failing())), /^Error: the source$/);
  });

  it("a reader that goes away closes the source", async () => {
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

  it("what compresses well is given in as little memory, for it may be kept", async () => {
    const kept: Buffer[] = [];
    for await (const chunk of gzip(pieces(Buffer.alloc(32 << 20)))) kept.push(chunk);
    const buffers = new Set(kept.map(({ buffer }) => buffer));
    const bytes = [...buffers].reduce((total, { byteLength }) => total + byteLength, 0);
    assert.ok(bytes < 1 << 20, `${bytes} bytes are kept`);
  });

  it("a slow reader holds the source back", async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        read += BLOCK;
        yield noise(BLOCK);
      }
    }
    const stream = gzip(endless())[Symbol.asyncIterator]();
    for (let count = 0; count < 3; count++) await stream.next();
    assert.ok(read < 100 * BLOCK, `${read / BLOCK} blocks were read ahead`);
    await stream.return?.(undefined);
  });
});
