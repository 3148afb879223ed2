/** A watcher of a lease notices the end of the holder, whatever the cause of the end. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { ToolError } from "shared/cli/tool-error";
import { heartbeatState, holdHeartbeat, SILENCE } from "shared/pod/heartbeat";
import { heartbeatPath, holdLease, isHeld, type LeaseWatcher, requireFree, watchLease } from "shared/pod/lease";
import { sameLease } from "shared/pod/lease-state";
import { start } from "../../../support/tools.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const silent = () => {};

/** Starts a process that holds a lease until it is killed. */
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

/** Creates a folder with a long path. The path of a socket in this folder is too long for the kernel. */
function deepFolder(context: TestContext): string {
  const folder = join(temporaryFolder(context), "d".repeat(100));
  mkdirSync(folder);
  return folder;
}

describe("a lease", { timeout: 120_000 }, () => {
  it("is held until its release, and none before and after", async (context) => {
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

  for (const [place, folderOf] of [
    ["", temporaryFolder],
    [" at a path of more than 107 bytes", deepFolder],
  ] as const)
    it(`ends soon after SIGKILL of its holder${place}`, async (context) => {
      const path = join(folderOf(context), "lease.sock");
      const holder = await startHolder(context, path);
      const watcher = watching(context, path);
      assert.equal((await watcher.state()).kind, "held");
      const ended = new Promise<void>((resolve) => watcher.onEnd(resolve));
      const killed = performance.now();
      holder.child.kill("SIGKILL");
      await ended;
      assert.ok(performance.now() - killed < 5000);
      // The kernel can close the watcher's connection shortly before it closes the holder's socket. Between these two
      // moments, a new connection still succeeds. So the test waits until the holder has ended.
      await holder.ended;
      assert.equal((await watcher.state()).kind, "ended");
      assert.equal((await watching(context, path).state()).kind, "ended", "a later watcher sees the end too");
    });

  it("has another identity if it is taken again after a death", async (context) => {
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

  it("can be watched by every user, whatever the umask is", async (context) => {
    const path = join(temporaryFolder(context), "lease.sock");
    const before = process.umask(0o077);
    context.after(() => process.umask(before));
    const lease = await holdLease(path, assert.fail);
    assert.equal(statSync(path).mode & 0o777, 0o666);
    await lease.release();
  });

  it("uses a heartbeat file with a warning if no socket can be created", async (context) => {
    // The name is too long for a socket, even if the path is relative to the folder.
    const path = join(temporaryFolder(context), `${"n".repeat(120)}.sock`);
    const warnings: string[] = [];
    const lease = await holdLease(path, (text) => warnings.push(text));
    assert.match(warnings.join("\n"), /cannot create a socket at .*: using a heartbeat file instead$/);
    const watcher = watching(context, path);
    assert.equal((await watcher.state()).kind, "held");
    await lease.release();
    assert.deepEqual(await watcher.state(), { kind: "none" });
  });

  it("names a FIFO in the place of the heartbeat, and does not block", { timeout: 10_000 }, async (context) => {
    const path = join(temporaryFolder(context), `${"n".repeat(120)}.sock`);
    execFileSync("mkfifo", [heartbeatPath(path)]);
    const fails = (error: ToolError) => error.message.endsWith(heartbeatPath(path));
    await assert.rejects(holdLease(path, silent), fails);
    await assert.rejects(watching(context, path).state(), fails);
  });

  it("removes the heartbeat of an earlier holder when a socket is created", async (context) => {
    const path = join(temporaryFolder(context), "lease.sock");
    writeFileSync(heartbeatPath(path), "0123456789ab 000000000007\n");
    const lease = await holdLease(path, silent);
    await lease.release();
    assert.deepEqual(await watching(context, path).state(), { kind: "none" });
  });
});

describe("a lease that is to be taken", { timeout: 120_000 }, () => {
  it("is free if nobody holds it, or if its holder died", async (context) => {
    const path = join(temporaryFolder(context), "lease.sock");
    assert.equal(await isHeld(path), false);
    const holder = await startHolder(context, path);
    assert.equal(await isHeld(path), true);
    await assert.rejects(requireFree(path, "launcher"), { code: "cannotCreate" });
    holder.child.kill("SIGKILL");
    await holder.ended;
    assert.equal(await isHeld(path), false);
    await requireFree(path, "launcher");
  });

  it("is free if its heartbeat does not change", async (context) => {
    const path = join(temporaryFolder(context), "lease.sock");
    writeFileSync(heartbeatPath(path), "0123456789ab 000000000007\n");
    assert.equal(await isHeld(path), false);
  });

  it("is held if its heartbeat changes", async (context) => {
    const path = join(temporaryFolder(context), "lease.sock");
    const lease = await holdHeartbeat(heartbeatPath(path), assert.fail);
    assert.equal(await isHeld(path), true);
    await lease.release();
    assert.equal(await isHeld(path), false);
  });
});

describe("a heartbeat", { timeout: 120_000 }, () => {
  it("shows a holder that is alive at each change, whatever the text is", () => {
    const first = heartbeatState(undefined, "a 5", 0);
    assert.deepEqual(first.state, { kind: "held", id: "heartbeat a" });
    assert.equal(heartbeatState(first.seen, "a 4", SILENCE * 10).state.kind, "held");
  });

  it("shows a dead holder if it does not change for 30 s of the watcher's own clock", () => {
    const first = heartbeatState(undefined, "a 5", 1000);
    const later = heartbeatState(first.seen, "a 5", 1000 + SILENCE - 1);
    assert.equal(later.state.kind, "held");
    assert.deepEqual(heartbeatState(later.seen, "a 5", 1000 + SILENCE).state, { kind: "ended", id: "heartbeat a" });
  });

  it("shows a released lease if the file is missing", () => {
    const first = heartbeatState(undefined, "a 5", 0);
    assert.deepEqual(heartbeatState(first.seen, undefined, 1), { seen: undefined, state: { kind: "none" } });
  });
});
