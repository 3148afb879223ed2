/** The leases where no socket can be made: heartbeat files stand in, and a death is noticed all the same. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { SHARE } from "shared/pod/markers";
import { type Running, start, type Tool, toolPath } from "../../support/tools.ts";
import { appears, kill, type TestPod, testPod } from "../support/pod.ts";

/** Without /proc a socket's path over 107 bytes has no shorter name: it can't be bound. */
const WITHOUT_PROC = ["--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"];

const SKIP = spawnSync("unshare", [...WITHOUT_PROC, "true"]).status === 0 ? false : "no mount namespace can be made";

/** When a death has to be noticed at the latest, in milliseconds: 30 s of silence, a look each 5 s, and some for a slow machine. */
const NOTICED = 50_000;

/** A pod whose volume takes no sockets. */
async function socketlessPod(context: TestContext) {
  const pod = await testPod(context);
  const share = join(pod.folder, "d".repeat(110));
  mkdirSync(share);
  const begin = (tool: Tool, ...args: string[]): Running => {
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
  it("a launcher that is killed is noticed, and what it left is incomplete", async (context) => {
    const { pod, share, output, begin } = await socketlessPod(context);
    const sidecar = begin("oras-push", "sidecar", "NA", pod.reference("t:1"));
    const script = 'echo content > "$0"; echo "$$" > pid.new; mv pid.new pid; exec sleep 120';
    const launcher = begin("launcher", "--output", output, "--", "sh", "-c", script, output);
    await appears(join(pod.folder, "pid"));
    const application = Number(readFileSync(join(pod.folder, "pid"), "utf8"));
    context.after(() => kill(application));
    assert.ok(existsSync(join(share, "oras-operator-lease.txt")) && !existsSync(join(share, SHARE.lease)));
    const killed = performance.now();
    launcher.child.kill("SIGKILL");
    kill(application);
    assert.match((await launcher.ended).stderr, /^launcher: no socket can be made at .*: a heartbeat file stands in$/m);
    assert.equal((await sidecar.ended).code, 79);
    assert.ok(performance.now() - killed < NOTICED, `${performance.now() - killed} ms`);
    assert.deepEqual(tags(pod), ["metric/t:1-incomplete"]);
  });

  it("a launcher that lives is not taken for dead, however long it runs", async (context) => {
    const { pod, output, begin } = await socketlessPod(context);
    const sidecar = begin("oras-push", "sidecar", "NA", pod.reference("t:1"));
    const launcher = begin("launcher", "--output", output, "--", "sh", "-c", 'sleep 40; echo whole > "$0"', output);
    assert.equal((await launcher.ended).code, 0);
    assert.equal((await sidecar.ended).code, 0);
    assert.deepEqual(tags(pod), ["metric/t:1"]);
  });

  it("a sidecar that is killed is noticed by a launcher that waits for its push", async (context) => {
    const { pod, share, begin } = await socketlessPod(context);
    const asked = Promise.withResolvers<void>();
    pod.registry.intercept(() => {
      asked.resolve();
      return true;
    });
    const sidecar = begin("oras-push", "sidecar", "NA", pod.reference("t:1"));
    const launcher = begin("launcher", "--wait-push", "--sidecar-timeout", "1", "--", "true");
    await asked.promise;
    assert.ok(existsSync(join(share, "oras-operator-sidecar-lease.txt")));
    const killed = performance.now();
    sidecar.child.kill("SIGKILL");
    const { code, stderr } = await launcher.ended;
    assert.equal(code, 75);
    assert.ok(performance.now() - killed < NOTICED, `${performance.now() - killed} ms`);
    assert.match(stderr, /\(the sidecar is gone, and no other took its place within 1 s\)\n$/);
  });
});
