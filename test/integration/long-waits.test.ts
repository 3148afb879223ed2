/** After a wait of 30 seconds, a launcher or sidecar logs the reason for the wait. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SHARE } from "shared/pod/markers";
import { testPod } from "../support/pod.ts";

describe("a wait of more than 30 seconds", { concurrency: true, timeout: 90_000 }, () => {
  it("of a sidecar shows that no launcher is running, and that a marker does not count", async (context) => {
    const pod = await testPod(context);
    writeFileSync(join(pod.share, SHARE.done), "done\n");
    const { code, stderr } = await pod.start("oras-push", ["sidecar", "--timeout", "33", "NA", "NA"]).ended;
    assert.equal(code, 124);
    const notice = `oras-push: still waiting for the end of the application after 30 s: no launcher is running on ${pod.share}; ${SHARE.done} exists, but is invalid: expected a JSON object with the fields of this marker`;
    assert.deepEqual(
      stderr.split("\n").filter((line) => line.includes("still waiting")),
      [notice],
    );
  });

  it("of a sidecar with --start-timeout shows that no launcher is running", async (context) => {
    const pod = await testPod(context);
    const { code, stderr } = await pod.start("oras-push", ["sidecar", "--start-timeout", "33", "NA", "NA"]).ended;
    assert.equal(code, 124);
    assert.match(stderr, /^oras-push: still waiting for the start of the application after 30 s: no launcher/m);
  });

  for (const [event, args, code] of [
    ["the inputs", ["--init-timeout", "33", "--input", "in", "--", "true"], 124],
    ["the push", ["--wait-push", "--", "true"], 75],
  ] as const)
    it(`of a launcher for ${event} shows that no sidecar is running, also with --quiet`, async (context) => {
      const pod = await testPod(context);
      const launcher = pod.start("launcher", ["--quiet", ...args]);
      setTimeout(() => launcher.child.kill("SIGTERM"), 36_000).unref();
      const ended = await launcher.ended;
      assert.equal(ended.code, code, ended.stderr);
      const notice = `launcher: still waiting for ${event} after 30 s: no sidecar is running on ${pod.share}\n`;
      assert.ok(ended.stderr.startsWith(notice), ended.stderr);
    });
});
