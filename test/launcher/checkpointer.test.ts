/** Tests when the launcher takes a checkpoint, and which files the checkpoint contains. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Checkpointer } from "launcher/checkpoints/checkpointer";
import { copySnapshot } from "launcher/checkpoints/snapshot";
import { SHARE } from "shared/pod/markers";
import { openVolume } from "shared/pod/shared-volume";
import { temporaryFolder } from "../support/temporary.ts";

/**
 * The time after which a checkpoint is due, in seconds. A checkpoint contains only files that have not changed for this
 * time.
 */
const INTERVAL = 0.5;

/** Starts a checkpointer for the files in the folder `state`. */
function setting(context: TestContext, pattern = "state/*") {
  const folder = temporaryFolder(context);
  const share = join(folder, "share");
  const state = join(folder, "state");
  for (const path of [share, state]) mkdirSync(path);
  const warnings: string[] = [];
  const plan = { share, checkpoints: [join(folder, pattern)], checkpointSeconds: INTERVAL };
  const volume = openVolume(share);
  const checkpointer = new Checkpointer(plan, { attempt: "a1", volume, warn: (text) => warnings.push(text) }, 0);
  const stop = () => checkpointer.finish({ end: { kind: "exited", exitCode: 0 }, timedOut: false, reason: null });
  context.after(stop);
  checkpointer.start();
  return { share, state, warnings, stop };
}

/** Waits for the checkpoint with this number, and returns the names and contents of its files. */
async function checkpoint(share: string, number: number): Promise<Record<string, string>> {
  const marker = join(share, SHARE.checkpoint);
  const end = performance.now() + 20_000;
  while (numberIn(marker) < number) {
    assert.ok(performance.now() < end, `no checkpoint ${number}`);
    await sleep(20);
  }
  const folder = join(share, SHARE.checkpoints, String(number));
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

function numberIn(marker: string): number {
  try {
    return JSON.parse(readFileSync(marker, "utf8")).number;
  } catch {
    return 0;
  }
}

describe("a checkpoint", { timeout: 60_000 }, () => {
  it("contains all files that the application writes together", async (context) => {
    const { share, state } = setting(context);
    writeFileSync(join(state, "rank-0"), "step 1");
    await sleep(400);
    writeFileSync(join(state, "rank-1"), "step 1");
    assert.deepEqual(await checkpoint(share, 1), { "rank-0": "step 1", "rank-1": "step 1" });
  });

  it("contains the older files if the application creates new files all the time", async (context) => {
    const { share, state } = setting(context);
    const abort = new AbortController();
    const writing = (async () => {
      for (let number = 0; !abort.signal.aborted; number++) {
        writeFileSync(join(state, `restart.${number}`), String(number));
        await sleep(100);
      }
    })();
    const files = await checkpoint(share, 1);
    abort.abort();
    await writing;
    assert.equal(files["restart.0"], "0");
    assert.equal(files[`restart.${readdirSync(state).length - 1}`], undefined);
  });

  it("copies only the files that changed, and shares the other copies with the last checkpoint", async (context) => {
    const { share, state } = setting(context);
    for (const name of ["a", "b"]) writeFileSync(join(state, name), name);
    await checkpoint(share, 1);
    const copyOf = (number: number, name: string) => statSync(join(share, SHARE.checkpoints, String(number), name)).ino;
    const first = { a: copyOf(1, "a"), b: copyOf(1, "b") };
    writeFileSync(join(share, SHARE.checkpointPushed), JSON.stringify({ schema: 1, number: 1 }));
    writeFileSync(join(state, "b"), "changed");
    assert.deepEqual(await checkpoint(share, 2), { a: "a", b: "changed" });
    assert.equal(copyOf(2, "a"), first.a);
    assert.notEqual(copyOf(2, "b"), first.b);
    assert.notEqual(statSync(join(state, "a")).ino, first.a);
  });

  it("is not taken, with a warning, if a file never stays unchanged", async (context) => {
    const { share, state, warnings } = setting(context);
    const end = performance.now() + 6 * INTERVAL * 1000;
    while (performance.now() < end) {
      writeFileSync(join(state, ".new"), "x");
      renameSync(join(state, ".new"), join(state, "number"));
      await sleep(100);
    }
    assert.equal(numberIn(join(share, SHARE.checkpoint)), 0);
    assert.deepEqual(warnings, [
      `cannot take a checkpoint: ${join(state, "number")} never stays unchanged for ${INTERVAL} s: write it less often, or write a new file each time`,
    ]);
  });

  it("is not copied if the application removes a file during the copy", async (context) => {
    const { share, state, stop } = setting(context);
    await stop();
    const path = join(state, "removed");
    const file = { path, title: "removed", signature: "of the removed file", size: 0, changed: 0 };
    assert.equal(await copySnapshot(share, [file], { number: 0, files: [] }), undefined);
    assert.deepEqual(readdirSync(join(share, SHARE.checkpoints)), []);
  });

  it("is skipped, with a warning, if the volume's markers cannot be read", async (context) => {
    const { share, state, warnings, stop } = setting(context);
    mkdirSync(join(share, SHARE.checkpointPushed));
    writeFileSync(join(state, "number"), "1");
    await sleep(4 * INTERVAL * 1000);
    await stop();
    assert.match(warnings.join("\n"), /^cannot take a checkpoint: .*oras-operator-checkpoint-pushed.txt/);
  });
});
