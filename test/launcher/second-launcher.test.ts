/** Tests a volume that is not new: another launcher or sidecar still uses the volume, or another user has used it. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SHARE } from "shared/pod/markers";
import { runTool, sharedToolPath, start } from "../../support/tools.ts";
import { testPod, waitForPath } from "../support/pod.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { done, launch, places, startLauncher, waitForOutput } from "./launching.ts";

const NOT_ROOT = process.getuid?.() === 0 ? false : "only root can run processes as other users";

describe("a second launcher", { timeout: 60_000 }, () => {
  for (const [what, args, code, message] of [
    [
      "exits with 73",
      ["--", "touch", "ran"],
      73,
      /^launcher: another launcher already uses the folder \S+\/share\nhint: .*--share to a separate folder\n$/,
    ],
    ["with an invalid command line writes no marker", ["--no-such-option"], 64, /^launcher: unknown option/],
  ] as const)
    it(`${what}, and leaves the first one alone`, async (context) => {
      const at = places(context);
      const script = "mkdir out; echo ready; read line; echo first > out/file";
      const first = startLauncher(at, ["--output", "out", "--", "sh", "-c", script], {
        stdio: ["pipe", "pipe", "pipe"],
      });
      await waitForOutput(first, "ready");
      const before = readdirSync(at.share).sort();
      const second = await launch(at, args);
      assert.equal(second.code, code, second.stderr);
      assert.match(second.stderr, message);
      assert.deepEqual(readdirSync(at.share).sort(), before);
      assert.equal(existsSync(join(at.folder, "ran")), false);
      first.child.stdin?.end("\n");
      assert.equal((await first.ended).code, 0);
      assert.equal(readFileSync(join(at.share, "outputs", "out", "file"), "utf8"), "first\n");
      assert.equal(done(at).exitCode, 0);
    });

  it("starts after a launcher that was killed", async (context) => {
    const at = places(context);
    const first = startLauncher(at, ["--", "sh", "-c", "echo ready; exec sleep 1"]);
    await waitForOutput(first, "ready");
    first.child.kill("SIGKILL");
    await first.ended;
    assert.equal((await launch(at, ["--", "true"])).code, 0);
  });
});

describe("a second sidecar", { timeout: 60_000 }, () => {
  it("exits with 73, and leaves the first one alone", async (context) => {
    const pod = await testPod(context);
    const first = pod.start("oras-push", ["sidecar", "NA", pod.reference("metric/run:1")]);
    await waitForPath(join(pod.share, SHARE.init));
    const before = readdirSync(pod.share).sort();
    const second = await pod.start("oras-push", ["sidecar", "NA", pod.reference("metric/run:2")]).ended;
    assert.equal(second.code, 73, second.stderr);
    assert.match(second.stderr, /\noras-push: another sidecar already uses the folder \S+\/share\nhint: /);
    const invalid = await pod.start("oras-push", ["sidecar", "--no-such-option"]).ended;
    assert.equal(invalid.code, 64);
    assert.deepEqual(readdirSync(pod.share).sort(), before);
    assert.equal((await pod.start("launcher", ["--", "true"]).ended).code, 0);
    assert.equal((await first.ended).code, 0);
  });
});

describe("a sticky volume that another user used", { skip: NOT_ROOT, timeout: 60_000 }, () => {
  it("is refused with the reason of the system", async (context) => {
    const folder = temporaryFolder(context);
    const share = join(folder, "share");
    chmodSync(folder, 0o755);
    mkdirSync(share);
    chmodSync(share, 0o1777);
    const as = (uid: number) => ({ uid, gid: uid, env: { PATH: process.env.PATH } });
    const args = ["-q", "--share", share, "--", "true"];
    const first = start(
      sharedToolPath("launcher"),
      ["-q", "--share", share, "--", "sh", "-c", "echo ready; exec sleep 1"],
      as(1000),
    );
    await waitForOutput(first, "ready");
    first.child.kill("SIGKILL");
    await first.ended;
    const { code, stderr } = await runTool("launcher", args, as(1001));
    assert.equal(code, 73);
    assert.match(stderr, /^launcher: cannot remove \S+ \(operation not permitted\)\n$/);
  });
});
