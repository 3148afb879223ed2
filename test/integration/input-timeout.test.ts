/** Sidecars whose inputs are not in the registry yet, because all steps of a workflow start at once. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { refuse } from "../../support/registry/memory-registry.ts";
import { runTool, startTool } from "../../support/tools.ts";
import { type TestPod, testPod, waitForPath } from "../support/pod.ts";
import { REGISTRIES } from "../support/registries.ts";
import { temporaryFolder } from "../support/temporary.ts";

const INIT_FAILED = "oras-operator-init-failed.txt";

for (const kind of REGISTRIES)
  describe(`steps that start at once, with ${kind.name}`, { skip: kind.skip, timeout: 60_000 }, () => {
    const folder = temporaryFolder({ after });
    let registry: Awaited<ReturnType<typeof kind.start>>;
    before(async () => {
      registry = await kind.start(folder);
    });
    after(() => registry.close());

    it("run in order: the second waits for the first, and the third for both", async () => {
      const reference = (step: number) => `${registry.address}/workflow/step-${step}:1`;
      const step = async (number: number, inputs: readonly string[], script: string) => {
        const share = join(folder, `share-${number}`);
        mkdirSync(share);
        const options = { cwd: folder, env: { ORAS_SHARE: share, PATH: process.env.PATH } };
        const [first = "NA", ...more] = inputs;
        const from = [first, reference(number), ...more.map((input) => `--pull-from=${input}`)];
        const sidecar = startTool("oras-push", ["sidecar", "--input-timeout", "60", ...from], options);
        const input = inputs.length === 0 ? "NA" : `in-${number}`;
        const application = ["sh", "-c", script];
        const launched = await runTool("launcher", [input, join(share, `out-${number}`), ...application], options);
        assert.equal(launched.code, 0, launched.stderr);
        const pushed = await sidecar.ended;
        assert.equal(pushed.code, 0, pushed.stderr);
        return pushed;
      };
      const steps = [
        step(3, [reference(1), reference(2)], "cat in-3/out-1 in-3/out-2 > share-3/out-3"),
        step(2, [reference(1)], "cat in-2/out-1 in-2/out-1 > share-2/out-2"),
        step(1, [], "sleep 1; echo one > share-1/out-1"),
      ];
      const [third] = await Promise.all(steps);
      assert.equal(readFileSync(join(folder, "share-3", "out-3"), "utf8"), "one\none\none\n");
      assert.match(third?.stderr ?? "", /waiting up to 60 s for missing inputs: \S+step-1:1 \S+step-2:1\n/);
    });
  });

describe("a sidecar with a missing input", { timeout: 60_000 }, () => {
  const waiting = (pod: TestPod, ...args: readonly string[]) =>
    pod.start("oras-push", ["sidecar", pod.reference("missing:1"), "NA", ...args]);
  const polls = (pod: TestPod) => pod.registry.requests.filter(({ url }) => url.includes("/manifests/"));

  it("exits with 124 and the name of the input after the timeout, and the launcher exits too", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["in", "NA", "touch", "witness"]);
    const started = performance.now();
    const { code, stderr } = await waiting(pod, "--input-timeout", "1.5").ended;
    const took = performance.now() - started;
    assert.equal(code, 124);
    const line = `the input ${pod.reference("missing:1")} is not in the registry: timed out after 1.5 s`;
    assert.ok(stderr.endsWith(`\noras-push: ${line}\n`), stderr);
    assert.ok(took >= 1500 && took < 6000, `${took}`);
    const { exitCode, error } = JSON.parse(readFileSync(join(pod.share, INIT_FAILED), "utf8"));
    assert.deepEqual({ exitCode, error }, { exitCode: 124, error: line });
    const launched = await launcher.ended;
    assert.equal(launched.code, 66);
    assert.ok(launched.stderr.includes(line), launched.stderr);
    assert.equal(existsSync(join(pod.folder, "witness")), false);
  });

  it("polls once with a timeout of zero", async (context) => {
    const pod = await testPod(context);
    assert.equal((await waiting(pod, "--input-timeout", "0").ended).code, 124);
    assert.equal(polls(pod).length, 1);
  });

  it("polls in intervals of seconds", async (context) => {
    const pod = await testPod(context);
    assert.equal((await waiting(pod, "--input-timeout", "5").ended).code, 124);
    // The sidecar polls at 0 s, between 0.8 and 1.2 s, between 2.4 and 3.6 s, and at the end of the timeout.
    assert.equal(polls(pod).length, 4);
  });

  it("fails at once without the option", async (context) => {
    const pod = await testPod(context);
    const { code, stderr } = await waiting(pod).ended;
    assert.equal(code, 76);
    assert.match(stderr, /\noras-push: cannot find the input \S+missing:1\n$/);
    assert.equal(polls(pod).length, 1);
  });

  for (const native of [[], ["--native"]])
    it(`stops at once on SIGTERM${native.length > 0 ? ", also if native" : ""}`, async (context) => {
      const pod = await testPod(context);
      const sidecar = waiting(pod, "--input-timeout", "600", ...native);
      while (polls(pod).length < 3) await sleep(20);
      const sent = performance.now();
      sidecar.child.kill("SIGTERM");
      assert.equal((await sidecar.ended).code, 143);
      assert.ok(performance.now() - sent < 5000);
    });

  it("fails at once if another input is the output of a failed run", async (context) => {
    const pod = await testPod(context);
    const pushed = pod.start("oras-push", ["sidecar", "NA", pod.reference("other:1")]);
    assert.equal((await pod.start("launcher", ["--", "false"]).ended).code, 1);
    await pushed.ended;
    const consumer = await testPod(context);
    const args = ["sidecar", pod.reference("missing:1"), "NA", "--pull-from", pod.reference("other:1-failed")];
    const { code, stderr } = await consumer.start("oras-push", [...args, "--input-timeout", "600"]).ended;
    assert.equal(code, 66);
    assert.match(stderr, /other:1-failed cannot be used as an input /);
  });

  for (const [status, exitCode] of [
    [401, 77],
    [403, 77],
    [400, 76],
  ] as const)
    it(`fails at once if the registry returns ${status}`, async (context) => {
      const pod = await testPod(context);
      pod.registry.intercept((_, response) => {
        refuse(response, status, status === 400 ? "UNSUPPORTED" : "DENIED", "on purpose");
        return true;
      });
      assert.equal((await waiting(pod, "--input-timeout", "600").ended).code, exitCode);
    });

  it("waits on after a restart", async (context) => {
    const pod = await testPod(context);
    const first = waiting(pod, "--input-timeout", "600");
    while (polls(pod).length < 2) await sleep(20);
    first.child.kill("SIGKILL");
    await first.ended;
    const second = waiting(pod, "--input-timeout", "600");
    writeFileSync(join(pod.folder, "input.txt"), "");
    while (polls(pod).length < 4) await sleep(20);
    assert.equal((await pod.start("oras-push", [pod.reference("missing:1"), "input.txt"]).ended).code, 0);
    await waitForPath(join(pod.share, "oras-operator-init.txt"));
    assert.equal((await pod.start("launcher", ["in", "NA", "true"]).ended).code, 0);
    assert.equal((await second.ended).code, 0);
  });
});
