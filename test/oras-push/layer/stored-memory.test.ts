import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { STORED } from "oras-push/layer/compression";
import { layerOf } from "oras-push/layer/layer";
import { temporaryFolder } from "../../support/temporary.ts";

const MIB = 1 << 20;

describe("a folder that is stored uncompressed", () => {
  it("is read in a few megabytes of buffers, although V8 collects little garbage", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "zeros"), "");
    truncateSync(join(folder, "zeros"), 96 * MIB);
    const layer = await layerOf({ path: folder }, { level: STORED, report: () => {} });
    const before = process.memoryUsage().arrayBuffers;
    let [size, peak] = [0, 0];
    for await (const chunk of layer.open().bytes) {
      size += chunk.length;
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
      await nextTurn();
    }
    assert.ok(size > 96 * MIB);
    // The peak is 9 to 14 MiB. Without the garbage collections of `oras-push`, the peak is 38 to 43 MiB.
    assert.ok(peak < 24 * MIB, `${peak / MIB} MiB`);
  });
});
