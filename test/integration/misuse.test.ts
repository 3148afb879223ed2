/** If one side has an invalid command line, the other side does not wait for it. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { testPod, waitForPath } from "../support/pod.ts";

describe("a sidecar with an invalid command line", { timeout: 60_000 }, () => {
  for (const [what, args] of [
    ["an invalid reference", ["localhost:1/Inputs/run:1", "NA"]],
    ["an unknown option", ["--no-such-option", "NA", "NA"]],
  ] as const)
    it(`stops a launcher that waits for its inputs or its push: ${what}`, async (context) => {
      const pod = await testPod(context);
      const waiting = pod.start("launcher", ["--input", "in", "--", "touch", join(pod.folder, "ran")]);
      assert.equal((await pod.start("oras-push", ["sidecar", ...args]).ended).code, 64);
      const { code, stderr } = await waiting.ended;
      assert.equal(code, 66, stderr);
      assert.match(stderr, /launcher: cannot run the command: the inputs were not pulled \(.*\)\n$/);
      assert.equal(existsSync(join(pod.folder, "ran")), false);
      const pushing = await pod.start("launcher", ["--wait-push", "--", "true"]).ended;
      assert.equal(pushing.code, 75, pushing.stderr);
    });

  it("does not affect the next sidecar", async (context) => {
    const pod = await testPod(context);
    const { ended } = pod.start("oras-push", ["sidecar", `--share=${pod.share}`, "one"]);
    assert.equal((await ended).code, 64);
    const failure = "share/oras-operator-init-failed.txt";
    assert.ok(existsSync(join(pod.folder, failure)));
    // The application runs until the next sidecar removes the failure marker.
    const script = `while [ -e ${failure} ]; do sleep 0.02; done; mkdir share/out && echo done > share/out/log`;
    const launcher = pod.start("launcher", ["--wait-push", "--output", "share/out", "--", "sh", "-c", script]);
    await waitForPath(join(pod.share, "oras-operator-init.txt"));
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("metric/run:1")]);
    assert.equal((await sidecar.ended).code, 0);
    assert.equal((await launcher.ended).code, 0);
  });
});

describe("a launcher with an invalid command line", { timeout: 60_000 }, () => {
  it("stops a sidecar that waits for it, and nothing is pushed", async (context) => {
    const pod = await testPod(context);
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("metric/run:1")]);
    assert.equal((await pod.start("launcher", ["--no-such-option", "--", "true"]).ended).code, 64);
    const { code, stderr } = await sidecar.ended;
    assert.notEqual(code, 0);
    assert.match(stderr, /unknown option/);
    assert.deepEqual(
      pod.registry.requests.filter(({ method }) => method === "PUT"),
      [],
    );
  });

  it("writes no failure marker if it installs", async (context) => {
    const pod = await testPod(context);
    assert.equal((await pod.start("launcher", ["--install", "bin", "--", "true"]).ended).code, 64);
    assert.equal(existsSync(join(pod.share, "oras-operator-done-failed.txt")), false);
  });
});
