import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { DEFAULT_LEVEL, STORED } from "oras-push/layer/compression";
import { encodedArchive } from "oras-push/layer/encoded-archive";
import type { SegmentSource } from "oras-push/tar/segments";
import { run } from "../../../support/tools.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { assertBytes, collect, noise, prose, sha256 } from "../support.ts";

const BLOCK = 256 << 10;
const TEXT = prose(6 * BLOCK + 1000);

/** Bytes that look random, although compression saves 0.2 %. */
function nearNoise(size: number): Buffer {
  return Buffer.from(noise(size, 7).map((byte, index) => (index % 3 === 0 ? byte & 0x7f : byte)));
}

/** Blocks of text, of incompressible bytes, and of bytes that repeat within the window. The last block is shorter. */
const MIXED = Buffer.concat([
  prose(BLOCK, 2),
  noise(BLOCK, 2),
  Buffer.alloc(BLOCK, noise(30_000, 3)),
  noise(BLOCK / 2, 4),
  prose(BLOCK / 2, 4),
  nearNoise(BLOCK),
  noise(BLOCK, 5),
  nearNoise(80 << 10),
]);

/** The segments of bytes in memory. */
function segmentsOf(bytes: Buffer): SegmentSource {
  let from = 0;
  const next = (target: Buffer) => {
    const length = bytes.copy(target, 0, from);
    from += length;
    return length === 0 ? undefined : { length, parts: [] };
  };
  return { next, isLarge: () => false, close: () => {} };
}

/** Compresses an archive. Uses the default level unless a test needs another level. */
async function* gzip(source: Buffer | SegmentSource, level: number = DEFAULT_LEVEL): AsyncGenerator<Buffer> {
  const segments = Buffer.isBuffer(source) ? segmentsOf(source) : source;
  yield* encodedArchive(segments, { level });
}

/** An endless archive of noise. */
const ENDLESS: SegmentSource = {
  next: (target) => ({ length: noise(target.length).copy(target), parts: [] }),
  isLarge: () => false,
  close: () => {},
};

/** Decompresses a stream with GNU gzip. Returns the content and the messages of GNU gzip. */
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
        const compressed = await collect(gzip(bytes));
        assertBytes(gunzipSync(compressed), bytes);
        const { content, messages } = unzip(compressed);
        assert.equal(messages, "");
        assertBytes(content, bytes);
      });

  it("writes one member without name and time for no bytes", async () => {
    assert.equal(
      (await collect(gzip(Buffer.alloc(0)))).toString("hex"),
      `${"1f8b0800000000000003"}${"0300"}${"00000000"}${"00000000"}`,
    );
  });

  it("passes gzip -t", async () => {
    const { status, stderr } = spawnSync("gzip", ["-t"], { input: await collect(gzip(TEXT)) });
    assert.equal(stderr.toString(), "");
    assert.equal(status, 0);
  });

  it("uses level 5 by default, and level 1 gives more bytes", async () => {
    assert.equal(DEFAULT_LEVEL, 5);
    const usual = await collect(gzip(TEXT));
    assertBytes(usual, await collect(gzip(TEXT, 5)));
    assert.ok((await collect(gzip(TEXT, 1))).length > usual.length);
  });

  it("gives at most 2 % more bytes than gzip -6 by default", async () => {
    const numbers = Buffer.from(Array.from({ length: 200_000 }, (_, index) => `${index * 7919}\n`).join(""));
    for (const bytes of [TEXT, numbers]) {
      const { stdout } = spawnSync("gzip", ["-6", "-c"], { input: bytes, maxBuffer: 1 << 28 });
      const { length } = await collect(gzip(bytes));
      assert.ok(length <= stdout.length * 1.02, `${length} and ${stdout.length} bytes`);
    }
  });

  it("stores incompressible blocks uncompressed at every level", async () => {
    const random = noise(3 * BLOCK);
    for (const level of [STORED, 1, 5, 9]) {
      const compressed = await collect(gzip(random, level));
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
    const { length } = await collect(gzip(mixed));
    assert.ok(length < 1.52 * BLOCK, `${length / BLOCK} blocks`);
  });

  it("finds repetitions of the previous block", async () => {
    const repeated = Buffer.concat(Array.from({ length: 50 }, () => noise(30_000)));
    const { length } = await collect(gzip(repeated));
    assert.ok(length < 60_000, `${length} bytes for 30000 repeated bytes`);
  });

  it("gives the same bytes with one thread of libuv and with four", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "noise"), noise(3_000_000));
    writeFileSync(join(folder, "text"), "abc ".repeat(500_000));
    const script = `
      import { DEFAULT_LEVEL } from "oras-push/layer/compression";
      import { encodedArchive } from "oras-push/layer/encoded-archive";
      import { archiveSegments } from "oras-push/tar/segments";
      import { walk } from "oras-push/tar/walk";
      import { collect, sha256 } from "./test/oras-push/support.ts";
      const segments = archiveSegments(walk(${JSON.stringify(folder)}, "t", () => {}));
      const bytes = await collect(encodedArchive(segments, { level: DEFAULT_LEVEL }));
      console.log(sha256(bytes));`;
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

  // Users pin the digests of layers. The digests are the same on all architectures. Another version of zlib can give
  // other digests. If the digest `input` is not the pinned one, the test's own data has changed.
  for (const [kind, input, pins] of [
    [
      "text of several blocks",
      TEXT,
      {
        input: "2c9c03681f9493665e5cb8ac5445047795cec65f32c71e114ecd2e5a36184f4a",
        default: "e623e6280239bd82e4a6423938f9788744f9f264f0a325b7a7af4d98bc2d918a",
        stored: "198e95066e883cc611983c521da6c342b48f638e5e91866200c0451d53168b84",
        fastest: "32ebaeefff3711667fa789c0810afefbe8fe1ca7c34a984db5de3e7927411054",
        smallest: "b30ef0a9bcd1aa9d1ce3e19ab891a0d868471e5dcd1888e87646ee8c9349e64f",
      },
    ],
    [
      "text, repetitions and incompressible blocks",
      MIXED,
      {
        input: "c01acc1231436b1821e97f433e71b4f73fdcb3572dd7cce722ab095d0d0b6dc7",
        default: "0115ebea6e82d79c230382e5cc95e033c1d882f417a822eec2dfff3ee82cbc13",
        stored: "92a02f8e4eba90fe8ca80c6d57ef66a1531f32a891c6375c78355b94a6d9ab61",
        fastest: "ef23588ebfbb78966d30c7eb9cdcdbba5b04e8f2cf10ec565b9b428d113330ff",
        smallest: "2e7709d887557810cd7c8b53ef35dbd8d23e1b51e9192becf7c5add17b80a34f",
      },
    ],
    [
      "a kilobyte of noise",
      noise(1000),
      {
        input: "d457de7ad3575f127f943c4f7b9f8b2f58ec54c3e4feaccbe9eb123610d94e87",
        default: "16d8343fa39b06fad5bf02d2d72fc7bbf199bacbec08d375417cdd9f2bbcc80f",
        stored: "16d8343fa39b06fad5bf02d2d72fc7bbf199bacbec08d375417cdd9f2bbcc80f",
        fastest: "16d8343fa39b06fad5bf02d2d72fc7bbf199bacbec08d375417cdd9f2bbcc80f",
        smallest: "16d8343fa39b06fad5bf02d2d72fc7bbf199bacbec08d375417cdd9f2bbcc80f",
      },
    ],
    [
      "less than 64 KiB that look random",
      nearNoise(60 << 10),
      {
        input: "3bb8b02785622d35a4a05f396f4a23e865c5ef104cb080358aedbfe43636dbc5",
        default: "8c4bf8296de26cdff617cc769401f3c39ac7e9a8ef2003988c02b5dd4fd875bc",
        stored: "cebdd8dadcbddac22a7465473a385c5e68869599f02b667b78c60ad2a5c94a6f",
        fastest: "8c4bf8296de26cdff617cc769401f3c39ac7e9a8ef2003988c02b5dd4fd875bc",
        smallest: "8c4bf8296de26cdff617cc769401f3c39ac7e9a8ef2003988c02b5dd4fd875bc",
      },
    ],
  ] as const)
    it(`gives the pinned digests for ${kind}`, async () => {
      const digest = async (level?: number) => sha256(await collect(gzip(input, level)));
      assert.deepEqual(
        {
          input: sha256(input),
          default: await digest(),
          stored: await digest(STORED),
          fastest: await digest(1),
          smallest: await digest(9),
        },
        pins,
      );
    });

  it("throws the error of the source unchanged", async () => {
    const bytes = segmentsOf(noise(5 * BLOCK));
    const failing: SegmentSource = {
      ...bytes,
      next: (target) => {
        const segment = bytes.next(target);
        if (segment === undefined) throw new Error("the source");
        return segment;
      },
    };
    await assert.rejects(collect(gzip(failing)), /^Error: the source$/);
  });

  it("closes the source when the reader stops", async () => {
    let closed = false;
    const close = () => {
      closed = true;
    };
    const endless: SegmentSource = { ...ENDLESS, close };
    for await (const chunk of gzip(endless)) if (chunk.length > 1000) break;
    assert.equal(closed, true);
  });

  it("returns small results in memory of their own size", async () => {
    const kept: Buffer[] = [];
    for await (const chunk of gzip(Buffer.alloc(32 << 20))) kept.push(chunk);
    const buffers = new Set(kept.map(({ buffer }) => buffer));
    const bytes = [...buffers].reduce((total, { byteLength }) => total + byteLength, 0);
    assert.ok(bytes < 1 << 20, `${bytes} bytes are kept`);
  });

  it("does not read far ahead of a slow reader", async () => {
    let read = 0;
    const endless: SegmentSource = {
      ...ENDLESS,
      next: (target) => {
        read++;
        return ENDLESS.next(target);
      },
    };
    const stream = gzip(endless)[Symbol.asyncIterator]();
    for (let count = 0; count < 3; count++) await stream.next();
    assert.ok(read < 10, `${read} segments read ahead`);
    await stream.return?.(undefined);
  });
});
