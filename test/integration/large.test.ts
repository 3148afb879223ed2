/** Large artifacts need time, but little memory and no temporary file. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { startTool } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { type ProcessUsage, watchProcess } from "../support/watch-process.ts";

/** The memory limit of a push or a pull of any size, in MiB. */
const MEMORY = 200;
/** The size of the large file, in GiB. The default is 3. A full run sets LARGE_GIB=10. */
const GIGABYTES = Number(process.env.LARGE_GIB ?? 3);
/** The number of small files. The default is 30,000. A full run sets LARGE_FILES=100000. */
const FILES = Number(process.env.LARGE_FILES ?? 30_000);
const SKIP =
  process.env.CI !== "true" &&
  process.env.LARGE_GIB === undefined &&
  "minutes of work: only with CI=true or LARGE_GIB=10";

/** Pushes a folder and pulls it again. Returns the resource usage of the push and of the pull. */
async function thereAndBack(
  t: TestContext,
  folder: string,
  name: string,
): Promise<{ push: ProcessUsage; pull: ProcessUsage }> {
  const registry = await startMemoryRegistry();
  t.after(() => registry.close());
  const reference = `${registry.address}/metric/large:1`;
  const go = async (...args: readonly string[]) => {
    const started = performance.now();
    const running = startTool("oras-push", args, { cwd: folder });
    const seen = await watchProcess(running);
    const { code, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    t.diagnostic(`${name}, ${args[0] === "pull" ? "pull" : "push"}: ${seconds} s, at most ${seen.peakMemory} MiB`);
    return seen;
  };
  const push = await go("--compression-level", "1", reference, "tree");
  const pull = await go("pull", reference, "-o", "back");
  return { push, pull };
}

function assertLimited({ push, pull }: { push: ProcessUsage; pull: ProcessUsage }): void {
  assert.ok(push.peakMemory < MEMORY && pull.peakMemory < MEMORY, `${push.peakMemory} and ${pull.peakMemory} MiB`);
  assert.deepEqual([...push.written], [], "the push wrote a file");
}

describe("large artifacts", { skip: SKIP, timeout: 900_000 }, () => {
  it(`use limited memory and no temporary file for a sparse file of ${GIGABYTES} GiB, which stays sparse`, async (t) => {
    const folder = temporaryFolder(t);
    const size = GIGABYTES * 2 ** 30;
    mkdirSync(join(folder, "tree"));
    writeFileSync(join(folder, "tree", "big"), "start");
    truncateSync(join(folder, "tree", "big"), size);
    assertLimited(await thereAndBack(t, folder, `${GIGABYTES} GiB`));
    const back = statSync(join(folder, "back", "tree", "big"));
    assert.equal(back.size, size);
    assert.ok(back.blocks * 512 < size / 100, `${back.blocks * 512} bytes on disk`);
  });

  it(`use limited memory and no temporary file for a folder with ${FILES} files`, async (t) => {
    const folder = temporaryFolder(t);
    for (let index = 0; index < FILES; index++) {
      if (index % 1000 === 0) mkdirSync(join(folder, "tree", `d${index / 1000}`), { recursive: true });
      writeFileSync(join(folder, "tree", `d${Math.floor(index / 1000)}`, `f${index}`), `file ${index}\n`);
    }
    assertLimited(await thereAndBack(t, folder, `${FILES} files`));
    const names = readdirSync(join(folder, "back", "tree"), { recursive: true, withFileTypes: true });
    assert.equal(names.filter((entry) => entry.isFile()).length, FILES);
  });
});
