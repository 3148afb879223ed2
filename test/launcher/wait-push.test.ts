/** The launcher waits for the sidecar's push. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SHARE } from "shared/pod/markers";
import { startTool } from "../../support/tools.ts";
import { waitUntilIdle } from "../support/idle-process.ts";
import { done, has, type Places, places } from "./launching.ts";

describe("--wait-push", { timeout: 30_000 }, () => {
  /** Starts a launcher that waits for the push. Resolves when the done marker exists. */
  async function waiting(at: Places, exitCode = 0) {
    const args = ["--share", at.share, "--wait-push", "--", "sh", "-c", `exit ${exitCode}`];
    const running = startTool("launcher", args, { cwd: at.folder });
    while (!has(at, SHARE.done)) await sleep(10);
    return { running, attempt: done(at).attempt };
  }

  const pushed = (attempt: string | null) =>
    JSON.stringify({ schema: 1, attempt, reference: "r/x:1", digest: `sha256:${"0".repeat(64)}`, finishedAt: "" });
  const pushFailed = (attempt: string | null) =>
    JSON.stringify({ schema: 1, attempt, exitCode: 69, error: "connection refused" });

  it("exits with 0 after the push", async (context) => {
    const at = places(context);
    const { running, attempt } = await waiting(at);
    writeFileSync(join(at.share, SHARE.pushed), pushed(attempt));
    assert.equal((await running.ended).code, 0);
  });

  it("ignores the markers of another attempt", async (context) => {
    const at = places(context);
    const { running, attempt } = await waiting(at);
    for (const [name, content] of [
      [SHARE.pushed, pushed("another")],
      [SHARE.pushFailed, pushFailed("another")],
    ] as const) {
      await waitUntilIdle(running.pid);
      writeFileSync(join(at.share, name), content);
    }
    await waitUntilIdle(running.pid);
    writeFileSync(join(at.share, SHARE.pushed), pushed(attempt));
    assert.equal((await running.ended).code, 0);
  });

  it("exits with 75 and the sidecar's reason if the push failed", async (context) => {
    const at = places(context);
    const { running, attempt } = await waiting(at);
    writeFileSync(join(at.share, SHARE.pushFailed), pushFailed(attempt));
    const { code, stderr } = await running.ended;
    assert.equal(code, 75);
    assert.match(stderr, /\nlauncher: the outputs were not pushed \(connection refused\)\n$/);
  });

  it("keeps the exit code of a failed command if the push failed", async (context) => {
    const at = places(context);
    const { running, attempt } = await waiting(at, 3);
    writeFileSync(join(at.share, SHARE.pushFailed), pushFailed(attempt));
    const { code, stderr } = await running.ended;
    assert.equal(code, 3);
    assert.match(stderr, /\nlauncher: the outputs were not pushed\b.*\n$/);
  });

  it("exits with 75 after SIGTERM", async (context) => {
    const at = places(context);
    const args = ["--share", at.share, "--wait-push", "--", "true"];
    const running = startTool("launcher", args, { cwd: at.folder });
    while (!has(at, SHARE.done)) await sleep(10);
    // The launcher ignores signals while it saves the outputs, so the test repeats the signal.
    for (; running.child.exitCode === null; await sleep(50)) running.child.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    assert.equal(code, 75);
    assert.match(stderr, /launcher: the outputs were not pushed \(ended by SIGTERM\)\n$/);
  });
});
