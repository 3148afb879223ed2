import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { withLock } from "oras-push/oci/layout/lock";
import { temporaryFolder } from "../../../support/temporary.ts";

const PATIENCE = { pause: 2, stale: 100 };
const signal = new AbortController().signal;

it("one at a time holds a lock, and nothing is left of it", async (t) => {
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
      signal,
      { ...PATIENCE, stale: 10_000 },
    );
  await Promise.all(Array.from({ length: 20 }, count));
  assert.equal(readFileSync(counter, "utf8"), "20");
  assert.deepEqual(readdirSync(folder), ["counter"]);
});

it("a lock that was left behind is broken, by one of those who wait", async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "lock");
  writeFileSync(path, "of a process that is gone");
  let inside = 0;
  let most = 0;
  const enter = () =>
    withLock(
      path,
      async () => {
        most = Math.max(most, ++inside);
        await sleep(5);
        inside--;
      },
      signal,
      // Long enough that a busy machine does not make a holder look as if it were gone.
      { ...PATIENCE, stale: 2000 },
    );
  await Promise.all(Array.from({ length: 5 }, enter));
  assert.equal(most, 1);
  assert.deepEqual(readdirSync(folder), []);
});

it("one whose lock was broken while it slept notices before it writes, and begins again", async (t) => {
  const path = join(temporaryFolder(t), "lock");
  let tries = 0;
  await withLock(
    path,
    async (lock) => {
      if (tries++ === 0) writeFileSync(path, "of another");
      await lock.check();
    },
    signal,
    PATIENCE,
  );
  assert.equal(tries, 2);
  assert.equal(existsSync(path), false);
});

it("a failure inside is thrown, and the lock is given back", async (t) => {
  const path = join(temporaryFolder(t), "lock");
  const fail = () => Promise.reject(new Error("inside"));
  await assert.rejects(withLock(path, fail, signal, PATIENCE), /inside/);
  assert.equal(existsSync(path), false);
});

it("who waits for a lock can be interrupted", async (t) => {
  const path = join(temporaryFolder(t), "lock");
  writeFileSync(path, "of another");
  const interrupted = AbortSignal.timeout(20);
  await assert.rejects(
    withLock(path, async () => {}, interrupted, { pause: 2, stale: 60_000 }),
    { name: "TimeoutError" },
  );
});

it("a folder that cannot be written to is named", async () => {
  await assert.rejects(
    withLock("/nowhere/lock", async () => {}, signal),
    { code: "cannotCreate", message: "cannot lock /nowhere/lock" },
  );
});
