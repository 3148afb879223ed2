import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DEFAULT_LEVEL, DEFAULT_ZSTD_LEVEL, STORED } from "oras-push/layer/compression";
import { layerOf } from "oras-push/layer/layer";
import type { LayerOptions } from "oras-push/layer/layer-source";
import { Threads, usefulThreads } from "oras-push/layer/threads";
import { ANNOTATIONS } from "oras-push/oci/annotations";
import type { ToolError } from "shared/cli/tool-error";
import { run } from "../../../support/tools.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { assertBytes, type Cleaner, collect, noise, prose } from "../support.ts";

/**
 * Creates a folder that is large enough for threads. It contains small files, files of several segments, and names that
 * are not UTF-8.
 */
function largeFolder(t: Cleaner): string {
  const folder = temporaryFolder(t);
  for (let index = 0; index < 300; index++) {
    if (index % 100 === 0) mkdirSync(join(folder, `d${index / 100}`));
    writeFileSync(join(folder, `d${Math.floor(index / 100)}`, `f${index}`), prose(index * 37, index));
  }
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xe4])]), "not UTF-8");
  writeFileSync(join(folder, "grüße"), "text");
  writeFileSync(join(folder, "noise"), noise(2 << 20));
  writeFileSync(join(folder, "prose"), prose(2 << 20));
  writeFileSync(join(folder, "zeros"), "");
  truncateSync(join(folder, "zeros"), 20 << 20);
  symlinkSync("prose", join(folder, "link"));
  return folder;
}

function threadsOf(t: Cleaner, count: number): Threads {
  const threads = new Threads(count);
  t.after(() => threads.close());
  return threads;
}

/** Writes bytes to a file, and returns its path. */
function writtenTo(t: Cleaner, bytes: Buffer): string {
  const file = join(temporaryFolder(t), "bytes");
  writeFileSync(file, bytes);
  return file;
}

async function read(folder: string, options: Partial<LayerOptions>) {
  const layer = await layerOf({ path: folder }, { level: DEFAULT_LEVEL, report: () => {}, ...options });
  const { bytes, annotations } = layer.open();
  return { bytes: await collect(bytes), annotations: annotations() };
}

describe("threads", () => {
  for (const level of [STORED, 1, DEFAULT_LEVEL, 9])
    it(`give the same bytes and annotations as no threads, at level ${level}`, async (t) => {
      const folder = largeFolder(t);
      const expected = await read(folder, { level });
      for (const count of [1, 2, 5]) {
        const threads = threadsOf(t, count);
        const { bytes, annotations } = await read(folder, { level, threads });
        assertBytes(bytes, expected.bytes);
        assert.deepEqual(annotations, expected.annotations);
        assert.equal(
          threads.started,
          count === 5 ? 6 : count,
          "with more than four threads, one further thread hashes",
        );
      }
    });

  it("give the same zstd frames and annotations as no threads", async (t) => {
    const folder = largeFolder(t);
    const expected = await read(folder, { level: DEFAULT_ZSTD_LEVEL, format: "zstd" });
    const { annotations: asGzip } = await read(folder, {});
    assert.deepEqual(expected.annotations, asGzip, "the archive is the same in both formats");
    assert.equal(expected.bytes.readUInt32LE(0), 0xfd2fb528);
    for (const count of [1, 5]) {
      const threads = threadsOf(t, count);
      const { bytes, annotations } = await read(folder, { level: DEFAULT_ZSTD_LEVEL, format: "zstd", threads });
      assertBytes(bytes, expected.bytes);
      assert.deepEqual(annotations, expected.annotations);
    }
    const { stdout, code } = await run("sh", ["-c", 'zstd -dcq "$0" | sha256sum', writtenTo(t, expected.bytes)]);
    assert.equal(code, 0);
    assert.ok(expected.annotations[ANNOTATIONS.contentDigest]?.includes(stdout.slice(0, 64)), stdout);
  });

  it("give the annotations of a folder without compressing it", async (t) => {
    const folder = largeFolder(t);
    const { annotations } = await read(folder, {});
    for (const threads of [undefined, threadsOf(t, 2), threadsOf(t, 5)]) {
      const options = { level: DEFAULT_LEVEL, report: () => {}, ...(threads === undefined ? {} : { threads }) };
      assert.deepEqual(await (await layerOf({ path: folder }, options)).describeArchive?.(), annotations);
    }
  });

  it("are not started for a small folder", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "f"), noise(1 << 20));
    const threads = threadsOf(t, 4);
    await read(folder, { threads });
    assert.equal(threads.started, 0);
  });

  it("serve one folder at a time, and give all folders the same bytes", async (t) => {
    const folder = largeFolder(t);
    const { bytes } = await read(folder, {});
    const threads = threadsOf(t, 2);
    for (const result of await Promise.all([1, 2, 3].map(() => read(folder, { threads }))))
      assertBytes(result.bytes, bytes);
    assert.equal(threads.claim(), true);
    assert.equal(threads.claim(), false);
  });

  const failures: Record<string, { change: (path: string) => void; message: string; why?: string }> = {
    "grows during the push": { change: (path) => appendFileSync(path, "x"), message: "changed while it was read" },
    "vanishes during the push": {
      change: (path) => rmSync(path),
      message: "cannot read",
      why: "no such file or directory",
    },
    "becomes a link during the push": {
      change: (path) => {
        rmSync(path);
        symlinkSync("prose", path);
      },
      message: "cannot read",
      why: "too many symbolic links, or a loop of links",
    },
  };
  for (const [what, { change, message, why }] of Object.entries(failures))
    it(`fail with the path of a file that ${what}`, async (t) => {
      const folder = largeFolder(t);
      const path = join(folder, "zeros");
      const layer = await layerOf({ path: folder }, { level: 1, report: () => {}, threads: threadsOf(t, 2) });
      await assert.rejects(
        async () => {
          let chunks = 0;
          // The first chunk is the gzip header. The second chunk comes after `oras-push` has walked through the folder.
          for await (const _ of layer.open().bytes) if (++chunks === 2) change(path);
        },
        (error: ToolError) => {
          assert.ok(error.message.includes(path) && error.message.includes(message), error.message);
          assert.equal(error.why, why);
          return error.exitCode === 66;
        },
      );
    });

  for (const count of [2, 5])
    it(`are free for the next folder after a failure, and after a reader that stops (${count} threads)`, async (t) => {
      const folder = largeFolder(t);
      const threads = threadsOf(t, count);
      const options = { level: 1, report: () => {}, threads };
      for await (const chunk of (await layerOf({ path: folder }, options)).open().bytes) if (chunk.length > 100) break;
      const layer = await layerOf({ path: folder }, { ...options, signal: AbortSignal.abort(new Error("stop")) });
      await assert.rejects(collect(layer.open().bytes), /^Error: stop$/);
      const expected = await read(folder, { level: 1 });
      const result = await read(folder, { level: 1, threads });
      assertBytes(result.bytes, expected.bytes);
      assert.deepEqual(result.annotations, expected.annotations);
    });

  for (const count of [2, 5])
    it(`fail all tasks if they are ended (${count} threads)`, async (t) => {
      const folder = largeFolder(t);
      const threads = threadsOf(t, count);
      const layer = await layerOf({ path: folder }, { level: 9, report: () => {}, threads });
      await assert.rejects(async () => {
        for await (const _ of layer.open().bytes) await threads.close();
      }, /^Error: the threads were ended$/);
    });

  it("are as many as the processors, up to 16, but at least three, and no more than fit into the memory", () => {
    const gib = 2 ** 30;
    const mib = 2 ** 20;
    assert.deepEqual(
      [1, 2, 3, 8, 64].map((processors) => usefulThreads(processors, 64 * gib)),
      [0, 0, 3, 8, 16],
    );
    assert.deepEqual(
      [32, 64, 80, 88, 128].map((limit) => usefulThreads(16, limit * mib)),
      [0, 0, 0, 3, 8],
    );
    assert.equal(usefulThreads(4, 0), 4, "no limit is known");
  });
});
