import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { silent } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { type WaitOptions, waitUntil } from "shared/pod/wait";
import { anySignal, deadline } from "shared/cli/deadline";
import { existingPaths } from "shared/pod/existing-paths";
import { temporaryFolder } from "../../support/temporary.ts";

function waitForPaths(options: WaitOptions & { readonly any?: boolean }): Promise<readonly string[]> {
  return waitUntil(existingPaths(options), options);
}

/** So long that a wait which needs its polling fails its test. */
const NEVER = 1000;

/** A log that gives each of its lines to whoever waits for one. */
function heardLog() {
  const lines: string[] = [];
  let wake = () => {};
  return {
    lines,
    log: (line: string) => {
      lines.push(line);
      wake();
    },
    line: async (part: string) => {
      while (!lines.some((line) => line.includes(part)))
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
  };
}

describe("waiting for paths", { timeout: 30_000 }, () => {
  it("ends at once where the path exists, without a watch", async (context) => {
    const folder = temporaryFolder(context);
    const { lines, log } = heardLog();
    assert.deepEqual(await waitForPaths({ paths: [folder], log }), [folder]);
    assert.deepEqual(lines, [`Found existing path ${folder}`]);
  });

  it("ends when the path appears", async (context) => {
    const path = join(temporaryFolder(context), "marker");
    const { lines, log, line } = heardLog();
    const found = waitForPaths({ paths: [path], pollSeconds: NEVER, log });
    await line("does not exist yet");
    await sleep(100);
    writeFileSync(path, "");
    assert.deepEqual(await found, [path]);
    assert.deepEqual(lines, [`Path ${path} does not exist yet`, `Found existing path ${path}`]);
  });

  it("says why a path cannot be looked for, and goes on until it can", async (context) => {
    const path = join(temporaryFolder(context), "marker");
    symlinkSync("marker", path);
    const { lines, log, line } = heardLog();
    const found = waitForPaths({ paths: [path, path], pollSeconds: NEVER, log });
    await line("cannot be looked for");
    rmSync(path);
    await line("does not exist yet");
    writeFileSync(path, "");
    assert.deepEqual(await found, [path]);
    assert.match(lines[0] ?? "", /marker cannot be looked for yet: too many symbolic links/);
    assert.deepEqual(lines.slice(1), [`Path ${path} does not exist yet`, `Found existing path ${path}`]);
  });

  it("ends when the path appears in a folder that was not there", async (context) => {
    const folder = join(temporaryFolder(context), "a", "b", "c");
    const { log, line } = heardLog();
    const found = waitForPaths({ paths: [join(folder, "marker")], pollSeconds: NEVER, log });
    await line("does not exist yet");
    await sleep(100);
    mkdirSync(folder, { recursive: true });
    await sleep(100);
    writeFileSync(join(folder, "marker"), "");
    assert.deepEqual(await found, [join(folder, "marker")]);
  });

  it("ends when folder and path appear at the same time", async (context) => {
    const root = temporaryFolder(context);
    for (let round = 0; round < 20; round++) {
      const folder = join(root, String(round), "a", "b");
      const { log, line } = heardLog();
      const found = waitForPaths({ paths: [join(folder, "marker")], pollSeconds: NEVER, log });
      await line("does not exist yet");
      await sleep(round * 2);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "marker"), "");
      await found;
    }
  });

  it("ends when the folder was removed and made again", async (context) => {
    const folder = join(temporaryFolder(context), "share");
    mkdirSync(folder);
    const { log, line } = heardLog();
    const found = waitForPaths({ paths: [join(folder, "marker")], pollSeconds: 0.2, log });
    await line("does not exist yet");
    await sleep(100);
    rmSync(folder, { recursive: true });
    await sleep(100);
    mkdirSync(folder);
    writeFileSync(join(folder, "marker"), "");
    await found;
  });

  it("waits for all of several paths, in several folders", async (context) => {
    const folder = temporaryFolder(context);
    const paths = [join(folder, "a"), join(folder, "later", "b")];
    const { log, line } = heardLog();
    const found = waitForPaths({ paths, pollSeconds: NEVER, log });
    await line(`Path ${paths[1]} does not exist yet`);
    writeFileSync(join(folder, "a"), "");
    await line(`Found existing path ${paths[0]}`);
    mkdirSync(join(folder, "later"));
    writeFileSync(join(folder, "later", "b"), "");
    assert.deepEqual(await found, paths);
  });

  it("a path that goes again before the others are there counts no more", async (context) => {
    const folder = temporaryFolder(context);
    const [a, b] = [join(folder, "a"), join(folder, "b")];
    writeFileSync(a, "");
    const { log, line } = heardLog();
    const found = waitForPaths({ paths: [a, b], pollSeconds: NEVER, log });
    await line(`Path ${b} does not exist yet`);
    await sleep(100);
    rmSync(a);
    await line(`Path ${a} does not exist yet`);
    writeFileSync(b, "");
    await line(`Found existing path ${b}`);
    writeFileSync(a, "");
    assert.deepEqual([...(await found)].sort(), [a, b]);
  });

  it("with any, one of several is enough", async (context) => {
    const folder = temporaryFolder(context);
    const paths = [join(folder, "a"), join(folder, "b")];
    const { log, line } = heardLog();
    const found = waitForPaths({ paths, any: true, pollSeconds: NEVER, log });
    await line(`Path ${paths[1]} does not exist yet`);
    writeFileSync(join(folder, "b"), "");
    assert.deepEqual(await found, [join(folder, "b")]);
  });

  it("a path that is named twice is waited for once", async (context) => {
    const folder = temporaryFolder(context);
    const signal = AbortSignal.timeout(2000);
    assert.deepEqual(await waitForPaths({ paths: [folder, folder], signal }), [folder]);
  });

  it("a symlink to nothing is nothing until its target is there", async (context) => {
    const folder = temporaryFolder(context);
    symlinkSync("target", join(folder, "link"));
    const { log, line } = heardLog();
    const found = waitForPaths({ paths: [join(folder, "link")], pollSeconds: 0.1, log });
    await line("does not exist yet");
    writeFileSync(join(folder, "target"), "");
    await found;
  });

  it("a path that appears at any moment around the call is never missed, in 1,000 runs", async (context) => {
    const folder = temporaryFolder(context);
    const times: number[] = [];
    for (let round = 0; round < 1000; round++) {
      const path = join(folder, `${round}`);
      let created = 0;
      const create = () => {
        created = performance.now();
        writeFileSync(path, "");
      };
      // In each turn of the event loop from before the watch is armed until after it is.
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
    it(`a folder of 5,000 files and folders costs no watch for each, while ${missing} is missing`, async (context) => {
      const folder = temporaryFolder(context);
      for (let index = 0; index < 4500; index++) writeFileSync(join(folder, `file-${index}`), "");
      for (let index = 0; index < 500; index++) mkdirSync(join(folder, `folder-${index}`));
      const before = inotifyWatches();
      const { log, line } = heardLog();
      const path = join(folder, missing);
      const found = waitForPaths({ paths: [path], pollSeconds: NEVER, log });
      await line("does not exist yet");
      await sleep(500);
      const watches = inotifyWatches() - before;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, "");
      await found;
      assert.ok(watches > 0 && watches < 5, `${watches} watches`);
    });

  it("leaves no watch behind", async (context) => {
    const path = join(temporaryFolder(context), "marker");
    const before = inotifyWatches();
    const { log, line } = heardLog();
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

/** The number of inotify watches of this process: the kernel shows one a line. */
function inotifyWatches(): number {
  let count = 0;
  for (const name of readdirSync("/proc/self/fdinfo")) {
    const path = join("/proc/self/fdinfo", name);
    if (!existsSync(path)) continue;
    count += readFileSync(path, "utf8").match(/^inotify wd:/gm)?.length ?? 0;
  }
  return count;
}

describe("waiting until a look succeeds", { timeout: 10_000 }, () => {
  it("gives what the look gives", async () => {
    assert.equal(await waitUntil(async () => 0, { paths: [] }), 0);
  });

  it("looks again at every poll where nothing is reported", async (context) => {
    let looks = 0;
    const look = async () => (++looks > 5 ? looks : undefined);
    assert.equal(await waitUntil(look, { paths: [join(temporaryFolder(context), "x")], pollSeconds: 0.05 }), 6);
  });

  it("looks again for a change that came during a look", { timeout: 5000 }, async () => {
    let report = () => {};
    const changes = (given: () => void) => {
      report = given;
      return () => {};
    };
    let looks = 0;
    const look = async () => {
      looks++;
      if (looks === 3) return "found";
      // By then the watch is armed, which is a change of its own.
      await sleep(300);
      report();
      return undefined;
    };
    assert.equal(await waitUntil(look, { paths: [], changes, pollSeconds: NEVER }), "found");
  });

  it("never looks twice at the same time", async (context) => {
    let [looking, looks] = [0, 0];
    const look = async () => {
      assert.equal(++looking, 1);
      await sleep(20);
      looking--;
      return ++looks > 5 ? true : undefined;
    };
    await waitUntil(look, { paths: [join(temporaryFolder(context), "x")], pollSeconds: 0.001 });
  });

  it("looks again when a path that is there changes", async (context) => {
    const path = join(temporaryFolder(context), "marker");
    writeFileSync(path, "{");
    const { log, line } = heardLog();
    let looks = 0;
    const look = async () => {
      log(`look ${++looks}`);
      return readFileSync(path, "utf8") === "{}" ? "whole" : undefined;
    };
    const result = waitUntil(look, { paths: [path], pollSeconds: NEVER });
    await line("look 2");
    await sleep(100);
    writeFileSync(path, "{}");
    assert.equal(await result, "whole");
  });

  it("throws what the look throws, and watches no more", async (context) => {
    const before = inotifyWatches();
    let looks = 0;
    const look = async () => {
      if (++looks > 1) throw new Error("broken");
      return undefined;
    };
    await assert.rejects(waitUntil(look, { paths: [join(temporaryFolder(context), "x")] }), /^Error: broken$/);
    assert.equal(inotifyWatches(), before);
  });

  it("a signal ends it with the signal's reason, and no look is made for one that has aborted before", async (context) => {
    const paths = [join(temporaryFolder(context), "x")];
    const controller = new AbortController();
    const waiting = waitForPaths({ paths, pollSeconds: NEVER, signal: controller.signal });
    const reason = new Error("enough");
    await sleep(50);
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    const look = () => assert.fail("looked");
    await assert.rejects(waitUntil(look, { paths, signal: controller.signal }), reason);
  });
});

describe("deadlines", () => {
  it("none given is none at all, and so is one that is longer than a timer can be", () => {
    assert.equal(
      deadline(undefined, () => "x"),
      undefined,
    );
    assert.equal(
      deadline(1e9, () => "x"),
      undefined,
    );
  });

  it("one of 0 lets the first look be made", async (context) => {
    const folder = temporaryFolder(context);
    assert.deepEqual(await waitForPaths({ paths: [folder], signal: deadline(0, () => "x") }), [folder]);
  });

  it("one that passes is a time-out failure that names what was waited for", async (context) => {
    const paths = [join(temporaryFolder(context), "x")];
    await assert.rejects(waitForPaths({ paths, signal: deadline(0.05, () => "the path"), log: silent }), (error) => {
      assert.ok(error instanceof ToolError);
      assert.equal(error.exitCode, 124);
      assert.equal(error.message, "the path: timed out after 0.05 s");
      return true;
    });
  });

  it("signals that are not there are left out", () => {
    const controller = new AbortController();
    const signal = anySignal(undefined, controller.signal);
    assert.equal(signal.aborted, false);
    controller.abort();
    assert.equal(signal.aborted, true);
    assert.equal(anySignal(undefined).aborted, false);
  });
});
