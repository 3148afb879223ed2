/**
 * Leases on a volume that does not support sockets. The launcher and the sidecar use heartbeat files instead, and each
 * of these tools detects the death of the other tool.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SILENCE } from "shared/pod/heartbeat";
import { SHARE } from "shared/pod/markers";
import { type RunningProcess, start, type Tool, toolPath } from "../../support/tools.ts";
import { waitUntilIdle } from "../support/idle-process.ts";
import { killProcess, type TestPod, testPod, waitForPath } from "../support/pod.ts";

/** A socket path of more than 107 bytes needs a shorter name below /proc. Without /proc, the socket cannot be bound. */
const WITHOUT_PROC = ["--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"];

const SKIP = spawnSync("unshare", [...WITHOUT_PROC, "true"]).status === 0 ? false : "cannot create a mount namespace";

/**
 * The longest time until a death is detected, in milliseconds: 30 s of silence, up to 5 s until the next poll, and a
 * reserve of 15 s for slow machines.
 */
const DETECTION_LIMIT = 50_000;

/** A pod whose volume does not support sockets. */
async function socketlessPod(context: TestContext) {
  const pod = await testPod(context);
  const share = join(pod.folder, "d".repeat(110));
  mkdirSync(share);
  const begin = (tool: Tool, ...args: string[]): RunningProcess => {
    const env = { ORAS_SHARE: share, PATH: process.env.PATH };
    const running = start("unshare", [...WITHOUT_PROC, toolPath(tool), ...args], { cwd: pod.folder, env });
    context.after(() => void running.child.kill("SIGKILL"));
    return running;
  };
  const output = join(share, "direct");
  return { pod, share, output, begin };
}

function tags({ registry }: TestPod): string[] {
  return [...registry.manifests.keys()].filter((name) => !name.includes("@"));
}

describe("on a volume without sockets", { skip: SKIP, concurrency: true, timeout: 120_000 }, () => {
  it("a sidecar detects the death of a launcher, and pushes its outputs as incomplete", async (context) => {
    const { pod, share, output, begin } = await socketlessPod(context);
    const sidecar = begin("oras-push", "sidecar", "NA", pod.reference("t:1"));
    const script = 'echo content > "$0"; echo "$$" > pid.new; mv pid.new pid; exec sleep 120';
    const launcher = begin("launcher", "--output", output, "--", "sh", "-c", script, output);
    await waitForPath(join(pod.folder, "pid"));
    const application = Number(readFileSync(join(pod.folder, "pid"), "utf8"));
    context.after(() => killProcess(application));
    assert.ok(existsSync(join(share, "oras-operator-lease.txt")) && !existsSync(join(share, SHARE.lease)));
    const killed = performance.now();
    launcher.child.kill("SIGKILL");
    killProcess(application);
    assert.match(
      (await launcher.ended).stderr,
      /^launcher: cannot create a socket at .*: using a heartbeat file instead$/m,
    );
    assert.equal((await sidecar.ended).code, 79);
    assert.ok(performance.now() - killed < DETECTION_LIMIT, `${performance.now() - killed} ms`);
    assert.deepEqual(tags(pod), ["metric/t:1-incomplete"]);
  });

  it("a sidecar does not consider a long-running launcher dead", async (context) => {
    const { pod, output, begin } = await socketlessPod(context);
    const sidecar = begin("oras-push", "sidecar", "NA", pod.reference("t:1"));
    const script = 'until [ -e go ]; do sleep 1; done; echo whole > "$0"';
    const launcher = begin("launcher", "--output", output, "--", "sh", "-c", script, output);
    await once(sidecar.child.stderr as Readable, "data");
    // If the launcher had no heartbeat, the sidecar would consider the launcher dead after this time.
    await sleep(SILENCE + 10_000);
    await waitUntilIdle(sidecar.pid);
    writeFileSync(join(pod.folder, "go"), "");
    assert.equal((await launcher.ended).code, 0);
    assert.equal((await sidecar.ended).code, 0);
    assert.deepEqual(tags(pod), ["metric/t:1"]);
  });

  it("a launcher that waits for a push detects the death of the sidecar", async (context) => {
    const { pod, share, begin } = await socketlessPod(context);
    const requested = Promise.withResolvers<void>();
    pod.registry.intercept(() => {
      requested.resolve();
      return true;
    });
    const sidecar = begin("oras-push", "sidecar", "NA", pod.reference("t:1"));
    const launcher = begin("launcher", "--wait-push", "--sidecar-timeout", "1", "--", "true");
    await requested.promise;
    assert.ok(existsSync(join(share, "oras-operator-sidecar-lease.txt")));
    const killed = performance.now();
    sidecar.child.kill("SIGKILL");
    const { code, stderr } = await launcher.ended;
    assert.equal(code, 75);
    assert.ok(performance.now() - killed < DETECTION_LIMIT, `${performance.now() - killed} ms`);
    assert.match(stderr, /\(the sidecar ended, and no new sidecar started within 1 s\)\n$/);
  });
});
