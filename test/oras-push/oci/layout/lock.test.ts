import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  constants,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { withLock } from "oras-push/oci/layout/lock";
import { temporaryFolder } from "../../../support/temporary.ts";

const PATIENCE = { pause: 2, stale: 100 };

it("gives a lock to one holder at a time, and leaves no files", async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "lock");
  const counter = join(folder, "counter");
  writeFileSync(counter, "0");
  const count = () =>
    withLock(
      path,
      async () => {
        const value = Number(readFileSync(counter, "utf8"));
        await sleep(Math.random() * 3);
        writeFileSync(counter, String(value + 1));
      },
      t.signal,
      { ...PATIENCE, stale: 10_000 },
    );
  await Promise.all(Array.from({ length: 20 }, count));
  assert.equal(readFileSync(counter, "utf8"), "20");
  assert.deepEqual(readdirSync(folder), ["counter"]);
});

it("breaks a stale lock for one of several waiters", async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "lock");
  writeFileSync(path, "of a process that is gone");
  let count = 0;
  const increment = () =>
    withLock(
      path,
      async (lock) => {
        const seen = count;
        await sleep(5);
        // On a busy machine, a waiter can consider this holder dead, and break the lock. In this case, `check` fails,
        // and the holder takes the lock again.
        await lock.check();
        count = seen + 1;
      },
      t.signal,
      { ...PATIENCE, stale: 2000 },
    );
  await Promise.all(Array.from({ length: 5 }, increment));
  assert.equal(count, 5);
  assert.deepEqual(readdirSync(folder), []);
});

it("notices at the check that the lock was broken, and starts again", async (t) => {
  const path = join(temporaryFolder(t), "lock");
  let tries = 0;
  await withLock(
    path,
    async (lock) => {
      if (tries++ === 0) writeFileSync(path, "of another");
      await lock.check();
    },
    t.signal,
    PATIENCE,
  );
  assert.equal(tries, 2);
  assert.equal(existsSync(path), false);
});

/** Waits until a process opens a FIFO for reading. Returns a function that sends a text to this process. */
async function reader(fifo: string): Promise<(text: string) => Promise<void>> {
  const handle = await open(fifo, constants.O_WRONLY);
  return async (text) => {
    await handle.write(text);
    await handle.close();
  };
}

/**
 * Starts a waiter that breaks a stale lock. After the waiter has read the stale token, and before it moves the lock
 * aside, another process takes the lock. So the waiter moves the lock of the other process aside. This function returns
 * when that has happened. Each lock is a FIFO, so that the test decides when a read ends.
 */
async function breakWrongLock(t: TestContext) {
  const folder = temporaryFolder(t);
  const path = join(folder, "lock");
  const fifos = ["first", "again", "other"].map((name) => join(folder, name)) as [string, string, string];
  const [first, again, other] = fifos;
  const take = (fifo: string) => {
    linkSync(fifo, join(folder, "new"));
    renameSync(join(folder, "new"), path);
  };
  execFileSync("mkfifo", fifos);
  take(first);
  const controller = new AbortController();
  const act = () => Promise.reject(new Error("two hold the lock"));
  const waiting = withLock(path, act, controller.signal, { pause: 2, stale: 0 });
  waiting.catch(() => {});
  const answerFirst = await reader(first);
  take(again);
  await answerFirst("stale");
  const answerAgain = await reader(again);
  take(other);
  await answerAgain("stale");
  const answerAside = await reader(other);
  assert.equal(existsSync(path), false, "the lock of the other process is moved aside");
  /** Lets the waiter finish this attempt, and stops the waiter before the next attempt. */
  const finish = async () => {
    controller.abort(new Error("enough"));
    await answerAside("other");
    await assert.rejects(waiting, /^Error: enough$/);
  };
  return { folder, path, other, finish };
}

it("restores a lock that another process took in place of the stale one", { timeout: 20_000 }, async (t) => {
  const { folder, path, other, finish } = await breakWrongLock(t);
  await finish();
  assert.equal(statSync(path).ino, statSync(other).ino);
  assert.deepEqual(readdirSync(folder), ["again", "first", "lock", "other"]);
});

it("does not restore a lock over the lock of a third process", { timeout: 20_000 }, async (t) => {
  const { folder, path, finish } = await breakWrongLock(t);
  writeFileSync(path, "third", { flag: "wx" });
  await finish();
  assert.ok(statSync(path).isFile(), "the FIFO of the other process replaced the lock");
  assert.equal(readFileSync(path, "utf8"), "third");
  assert.deepEqual(readdirSync(folder), ["again", "first", "lock", "other"]);
});

it("throws the error of the holder, and releases the lock", async (t) => {
  const path = join(temporaryFolder(t), "lock");
  const fail = () => Promise.reject(new Error("inside"));
  await assert.rejects(withLock(path, fail, t.signal, PATIENCE), /inside/);
  assert.equal(existsSync(path), false);
});

it("stops waiting when the signal aborts", async (t) => {
  const path = join(temporaryFolder(t), "lock");
  writeFileSync(path, "of another");
  const interrupted = AbortSignal.timeout(20);
  await assert.rejects(
    withLock(path, async () => {}, interrupted, { pause: 2, stale: 60_000 }),
    { name: "TimeoutError" },
  );
});

it("names the lock that it cannot create", async (t) => {
  await assert.rejects(
    withLock("/nowhere/lock", async () => {}, t.signal),
    { code: "cannotCreate", message: "cannot lock /nowhere/lock" },
  );
});
