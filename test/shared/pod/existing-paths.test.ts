import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolder } from "../../support/temporary.ts";
import { inotifyWatches, NEVER, recordingLog, startWatching, waitForPaths } from "./waiting.ts";

describe("existingPaths", { timeout: 30_000 }, () => {
  it("returns at once if the path exists, without a watch", async (context) => {
    const folder = temporaryFolder(context);
    const { lines, log } = recordingLog();
    assert.deepEqual(await waitForPaths({ paths: [folder], log }), [folder]);
    assert.deepEqual(lines, [`Found existing path ${folder}`]);
  });

  it("returns when the path appears", async (context) => {
    const path = join(temporaryFolder(context), "marker");
    const { lines, log } = recordingLog();
    const { found } = await startWatching({ paths: [path], pollSeconds: NEVER, log });
    writeFileSync(path, "");
    assert.deepEqual(await found, [path]);
    assert.deepEqual(lines, [`Path ${path} does not exist yet`, `Found existing path ${path}`]);
  });

  it("logs why a path cannot be examined, and continues to wait", async (context) => {
    const path = join(temporaryFolder(context), "marker");
    symlinkSync("marker", path);
    const { lines, log, line } = recordingLog();
    const found = waitForPaths({ paths: [path, path], pollSeconds: NEVER, log });
    await line("cannot be examined");
    rmSync(path);
    await line("does not exist yet");
    writeFileSync(path, "");
    assert.deepEqual(await found, [path]);
    assert.match(lines[0] ?? "", /marker cannot be examined yet: too many symbolic links/);
    assert.deepEqual(lines.slice(1), [`Path ${path} does not exist yet`, `Found existing path ${path}`]);
  });

  it("returns when the path appears in a folder that was missing", async (context) => {
    const folder = join(temporaryFolder(context), "a", "b", "c");
    const { found } = await startWatching({ paths: [join(folder, "marker")], pollSeconds: NEVER });
    mkdirSync(folder, { recursive: true });
    await sleep(100);
    writeFileSync(join(folder, "marker"), "");
    assert.deepEqual(await found, [join(folder, "marker")]);
  });

  it("returns when folder and path appear at the same time", async (context) => {
    const root = temporaryFolder(context);
    for (let round = 0; round < 20; round++) {
      const folder = join(root, String(round), "a", "b");
      const { log, line } = recordingLog();
      const found = waitForPaths({ paths: [join(folder, "marker")], pollSeconds: NEVER, log });
      await line("does not exist yet");
      await sleep(round * 2);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "marker"), "");
      await found;
    }
  });

  it("returns when the path appears in a folder that was removed and created again", async (context) => {
    const folder = join(temporaryFolder(context), "share");
    mkdirSync(folder);
    const { found } = await startWatching({ paths: [join(folder, "marker")], pollSeconds: 0.2 });
    rmSync(folder, { recursive: true });
    await sleep(100);
    mkdirSync(folder);
    writeFileSync(join(folder, "marker"), "");
    await found;
  });

  it("waits for all paths, in several folders", async (context) => {
    const folder = temporaryFolder(context);
    const paths = [join(folder, "a"), join(folder, "later", "b")];
    const { log, line } = recordingLog();
    const found = waitForPaths({ paths, pollSeconds: NEVER, log });
    await line(`Path ${paths[1]} does not exist yet`);
    writeFileSync(join(folder, "a"), "");
    await line(`Found existing path ${paths[0]}`);
    mkdirSync(join(folder, "later"));
    writeFileSync(join(folder, "later", "b"), "");
    assert.deepEqual(await found, paths);
  });

  it("waits again for a path that was removed before the others appeared", async (context) => {
    const folder = temporaryFolder(context);
    const [a, b] = [join(folder, "a"), join(folder, "b")];
    writeFileSync(a, "");
    const { log, line } = recordingLog();
    const { found } = await startWatching({ paths: [a, b], pollSeconds: NEVER, log });
    rmSync(a);
    await line(`Path ${a} does not exist yet`);
    writeFileSync(b, "");
    await line(`Found existing path ${b}`);
    writeFileSync(a, "");
    assert.deepEqual([...(await found)].sort(), [a, b]);
  });

  it("returns after one of several paths with `any`", async (context) => {
    const folder = temporaryFolder(context);
    const paths = [join(folder, "a"), join(folder, "b")];
    const { log, line } = recordingLog();
    const found = waitForPaths({ paths, any: true, pollSeconds: NEVER, log });
    await line(`Path ${paths[1]} does not exist yet`);
    writeFileSync(join(folder, "b"), "");
    assert.deepEqual(await found, [join(folder, "b")]);
  });

  it("waits once for a path that is given twice", async (context) => {
    const folder = temporaryFolder(context);
    const signal = AbortSignal.timeout(2000);
    assert.deepEqual(await waitForPaths({ paths: [folder, folder], signal }), [folder]);
  });

  it("waits for the target of a dangling symbolic link", async (context) => {
    const folder = temporaryFolder(context);
    symlinkSync("target", join(folder, "link"));
    const { log, line } = recordingLog();
    const found = waitForPaths({ paths: [join(folder, "link")], pollSeconds: 0.1, log });
    await line("does not exist yet");
    writeFileSync(join(folder, "target"), "");
    await found;
  });

  it("never misses a path that appears around the call, in 1,000 runs", async (context) => {
    const folder = temporaryFolder(context);
    const times: number[] = [];
    for (let round = 0; round < 1000; round++) {
      const path = join(folder, `${round}`);
      let created = 0;
      const create = () => {
        created = performance.now();
        writeFileSync(path, "");
      };
      // The rounds create the path at different moments. In some rounds, the path appears before the watch starts. In
      // other rounds, it appears afterwards.
      afterTurns(round % 50, create);
      await waitForPaths({ paths: [path], pollSeconds: NEVER, signal: AbortSignal.timeout(5000) });
      times.push(performance.now() - created);
      rmSync(path);
    }
    times.sort((a, b) => a - b);
    const [late = Number.NaN, slowest = Number.NaN] = [times[989], times[999]];
    context.diagnostic(`99 of 100 took up to ${late.toFixed(1)} ms, the slowest of 1,000 ${slowest.toFixed(1)} ms`);
    assert.ok(late < 100, `${late} ms`);
    assert.ok(slowest < 1000, `${slowest} ms`);
  });

  for (const missing of ["marker", "later/marker"])
    it(`needs fewer than 5 watches in a folder of 5,000 entries while ${missing} is missing`, async (context) => {
      const folder = temporaryFolder(context);
      for (let index = 0; index < 4500; index++) writeFileSync(join(folder, `file-${index}`), "");
      for (let index = 0; index < 500; index++) mkdirSync(join(folder, `folder-${index}`));
      const before = inotifyWatches();
      const path = join(folder, missing);
      const { found } = await startWatching({ paths: [path], pollSeconds: NEVER });
      const watches = inotifyWatches() - before;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, "");
      await found;
      assert.ok(watches > 0 && watches < 5, `${watches} watches`);
    });

  it("stops its watches at the end", async (context) => {
    const path = join(temporaryFolder(context), "marker");
    const before = inotifyWatches();
    const { log, line } = recordingLog();
    const found = waitForPaths({ paths: [path], pollSeconds: NEVER, log });
    await line("does not exist yet");
    writeFileSync(path, "");
    await found;
    assert.equal(inotifyWatches(), before);
  });
});

/** Calls `act` after a number of turns of the event loop. */
function afterTurns(turns: number, act: () => void): void {
  setImmediate(() => (turns === 0 ? act() : afterTurns(turns - 1, act)));
}
