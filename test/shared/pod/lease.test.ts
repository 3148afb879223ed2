/** The launcher's lease: what a watcher knows of its holder, whatever that dies of. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { ToolError } from "shared/cli/tool-error";
import { heartbeatState, SILENCE } from "shared/pod/heartbeat";
import { heartbeatPath, holdLease, type LeaseWatcher, watchLease } from "shared/pod/lease";
import { sameLease } from "shared/pod/lease-state";
import { start } from "../../../support/tools.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const silent = () => {};

/** A process of its own that holds a lease until it is killed. */
async function startHolder(context: TestContext, path: string) {
  const module = import.meta.resolve("shared/pod/lease");
  const script = `const { holdLease } = await import(${JSON.stringify(module)});
    await holdLease(${JSON.stringify(path)}, console.error);
    console.log("held");
    setInterval(() => {}, 1000);`;
  const holder = start(process.execPath, ["--input-type=module", "-e", script]);
  context.after(() => holder.child.kill("SIGKILL"));
  await new Promise((resolve) => holder.child.stdout?.once("data", resolve));
  return holder;
}

function watching(context: TestContext, path: string): LeaseWatcher {
  const watcher = watchLease(path);
  context.after(() => watcher.close());
  return watcher;
}

/** A folder whose socket's path is longer than the kernel takes. */
function deepFolder(context: TestContext): string {
  const folder = join(temporaryFolder(context), "d".repeat(100));
  mkdirSync(folder);
  return folder;
}

describe("a lease", { timeout: 120_000 }, () => {
  it("is there while it is held, and not before or after", async (context) => {
    const path = join(temporaryFolder(context), "lease.sock");
    const watcher = watching(context, path);
    assert.deepEqual(await watcher.state(), { kind: "none" });
    const lease = await holdLease(path, assert.fail);
    assert.equal((await watcher.state()).kind, "held");
    const ended = new Promise<void>((resolve) => watcher.onEnd(resolve));
    await lease.release();
    await ended;
    assert.deepEqual(await watcher.state(), { kind: "none" });
  });

  for (const [where, folderOf] of [
    ["", temporaryFolder],
    [" at a path over 107 bytes", deepFolder],
  ] as const)
    it(`ends within a second of its holder's SIGKILL${where}`, async (context) => {
      const path = join(folderOf(context), "lease.sock");
      const holder = await startHolder(context, path);
      const watcher = watching(context, path);
      assert.equal((await watcher.state()).kind, "held");
      const ended = new Promise<void>((resolve) => watcher.onEnd(resolve));
      const killed = performance.now();
      holder.child.kill("SIGKILL");
      await ended;
      assert.ok(performance.now() - killed < 1000);
      assert.equal((await watcher.state()).kind, "ended");
      assert.equal((await watching(context, path).state()).kind, "ended", "a watcher that comes later knows it too");
    });

  it("is another one when it is taken again after a death", async (context) => {
    const path = join(temporaryFolder(context), "lease.sock");
    const holder = await startHolder(context, path);
    holder.child.kill("SIGKILL");
    await holder.ended;
    const watcher = watching(context, path);
    const before = await watcher.state();
    const lease = await holdLease(path, assert.fail);
    const after = await watcher.state();
    assert.deepEqual([before.kind, after.kind], ["ended", "held"]);
    assert.ok(!sameLease(before, after));
    await lease.release();
  });

  it("may be watched by every user, whatever the umask", async (context) => {
    const path = join(temporaryFolder(context), "lease.sock");
    const before = process.umask(0o077);
    context.after(() => process.umask(before));
    const lease = await holdLease(path, assert.fail);
    assert.equal(statSync(path).mode & 0o777, 0o666);
    await lease.release();
  });

  it("goes by a heartbeat file where no socket can be made, and says so", async (context) => {
    // A name that is too long for a socket even within its opened folder.
    const path = join(temporaryFolder(context), `${"n".repeat(120)}.sock`);
    const warnings: string[] = [];
    const lease = await holdLease(path, (text) => warnings.push(text));
    assert.match(warnings.join("\n"), /no socket can be made at .*: a heartbeat file stands in$/);
    const watcher = watching(context, path);
    assert.equal((await watcher.state()).kind, "held");
    await lease.release();
    assert.deepEqual(await watcher.state(), { kind: "none" });
  });

  it("a FIFO in the heartbeat's place is named, and never waited for", { timeout: 10_000 }, async (context) => {
    const path = join(temporaryFolder(context), `${"n".repeat(120)}.sock`);
    execFileSync("mkfifo", [heartbeatPath(path)]);
    const fails = (error: ToolError) => error.message.endsWith(heartbeatPath(path));
    await assert.rejects(holdLease(path, silent), fails);
    await assert.rejects(watching(context, path).state(), fails);
  });

  it("taken by a socket removes the heartbeat of an earlier holder", async (context) => {
    const path = join(temporaryFolder(context), "lease.sock");
    writeFileSync(heartbeatPath(path), "0123456789ab 000000000007\n");
    const lease = await holdLease(path, silent);
    await lease.release();
    assert.deepEqual(await watching(context, path).state(), { kind: "none" });
  });
});

describe("a heartbeat", { timeout: 120_000 }, () => {
  it("means life when it changes, whatever it says", () => {
    const first = heartbeatState(undefined, "a 5", 0);
    assert.deepEqual(first.state, { kind: "held", id: "heartbeat a" });
    assert.equal(heartbeatState(first.seen, "a 4", SILENCE * 10).state.kind, "held");
  });

  it("means death when it is seen unchanged for long, by the watcher's own clock", () => {
    const first = heartbeatState(undefined, "a 5", 1000);
    const later = heartbeatState(first.seen, "a 5", 1000 + SILENCE - 1);
    assert.equal(later.state.kind, "held");
    assert.deepEqual(heartbeatState(later.seen, "a 5", 1000 + SILENCE).state, { kind: "ended", id: "heartbeat a" });
  });

  it("that is gone was given back", () => {
    const first = heartbeatState(undefined, "a 5", 0);
    assert.deepEqual(heartbeatState(first.seen, undefined, 1), { seen: undefined, state: { kind: "none" } });
  });
});
