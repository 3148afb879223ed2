/** Signals and time-outs of the launcher. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SHARE } from "shared/pod/markers";
import { startTool } from "../../support/tools.ts";
import { done, failed, has, launch, places, startLauncher, waitForOutput, writeInit } from "./launching.ts";

/** A program that prints "ready", and then the name of each signal that it receives. It exits with 7 after SIGTERM. */
const NAME_SIGNALS = [
  process.execPath,
  "-e",
  `for (const name of ["SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGWINCH", "SIGALRM", "SIGCONT"])
     process.on(name, () => console.log(name));
   process.on("SIGTERM", () => process.exit(7));
   setInterval(() => {}, 1000);
   console.log("ready");`,
];

describe("signals of the launcher", { timeout: 30_000 }, () => {
  it("forwards SIGTERM, and keeps the command's exit code and outputs", async (context) => {
    const at = places(context);
    // The signal also ends the child process of the shell. The shell may report this on stderr, so the script discards
    // its stderr.
    const trap = "exec 2>/dev/null; trap 'echo saved > out/file; exit 7' TERM";
    const script = `${trap}; mkdir out; echo ready; while :; do sleep 0.05; done`;
    const running = startLauncher(at, ["--output", "out", "--", "sh", "-c", script]);
    await waitForOutput(running, "ready");
    running.child.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    assert.equal(code, 7);
    assert.equal(stderr, "launcher: sh: terminated\n");
    assert.equal(readFileSync(join(at.share, "outputs", "out", "file"), "utf8"), "saved\n");
    const { exitCode, signal, reason } = done(at);
    assert.deepEqual({ exitCode, signal, reason }, { exitCode: 7, signal: null, reason: "terminated" });
  });

  it("kills a command that ignores SIGTERM after the grace period, not before", async (context) => {
    const at = places(context);
    const running = startLauncher(at, ["--grace", "0.5", "--", "sh", "-c", "trap '' TERM; echo ready; sleep 60"]);
    await waitForOutput(running, "ready");
    const terminated = performance.now();
    running.child.kill("SIGTERM");
    assert.equal((await running.ended).code, 137);
    assert.ok(performance.now() - terminated > 450);
    assert.equal(done(at).signal, "SIGKILL");
    assert.equal(done(at).reason, "terminated, killed after a grace period of 0.5 s");
  });

  it("keeps the first reason if the command times out during the grace period of SIGTERM", async (context) => {
    const at = places(context);
    const script = "trap '' TERM; echo ready; sleep 60";
    const running = startLauncher(at, ["--timeout", "1", "--grace", "1.2", "--", "sh", "-c", script]);
    await waitForOutput(running, "ready");
    running.child.kill("SIGTERM");
    assert.equal((await running.ended).code, 137);
    assert.match(done(at).reason ?? "", /^terminated, killed/);
  });

  for (const name of ["SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGWINCH", "SIGALRM", "SIGCONT"] as const)
    it(`forwards ${name}`, async (context) => {
      const running = startLauncher(places(context), ["--", ...NAME_SIGNALS]);
      await waitForOutput(running, "ready");
      const received = waitForOutput(running, name);
      running.child.kill(name);
      // This timer ends the test if the signal does not arrive.
      const late = setTimeout(() => running.child.kill("SIGTERM"), 5000);
      await received;
      clearTimeout(late);
      running.child.kill("SIGTERM");
      assert.equal((await running.ended).code, 7);
    });

  it("forwards signals to the whole process group", async (context) => {
    const at = places(context);
    const script = "trap 'exit 9' INT; sh -c 'trap \"echo inner; exit\" INT; echo ready; while :; do sleep 0.05; done'";
    const running = startLauncher(at, ["--", "sh", "-c", script]);
    await waitForOutput(running, "ready");
    running.child.kill("SIGINT");
    const { code, stdout } = await running.ended;
    assert.equal(code, 9);
    assert.equal(stdout, "ready\ninner\n");
  });

  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)
    it(`exits with ${code} after ${signal} during the wait for the inputs, and does not run the command`, async (context) => {
      const at = places(context);
      const args = ["--share", at.share, "--input", "in", "--", "touch", "ran"];
      const running = startTool("launcher", args, { cwd: at.folder });
      await waitForOutput(running, `wait-fs: `);
      running.child.kill(signal);
      const ended = await running.ended;
      assert.equal(ended.code, code);
      assert.match(ended.stderr, new RegExp(`\nlauncher: ended by ${signal}\n$`));
      assert.deepEqual(readdirSync(at.folder), ["share"]);
      assert.ok(!has(at, SHARE.done));
      assert.equal(failed(at).phase, "init");
    });

  it("exits with 143 after SIGTERM during the copy of the inputs, and does not run the command", async (context) => {
    const at = places(context);
    const inputs = join(at.share, SHARE.inputs);
    mkdirSync(inputs);
    // A file with a hole takes time to copy, but needs no space on the disk.
    writeFileSync(join(inputs, "hole"), "");
    truncateSync(join(inputs, "hole"), 2 ** 29);
    writeInit(at);
    const args = ["--share", at.share, "--input", "in", "--", "touch", "ran"];
    const running = startTool("launcher", args, { cwd: at.folder });
    await waitForOutput(running, `Found existing path ${join(at.share, SHARE.init)}`);
    running.child.kill("SIGTERM");
    assert.equal((await running.ended).code, 143);
    assert.ok(!existsSync(join(at.folder, "ran")));
    assert.ok(!has(at, SHARE.done));
    assert.equal(failed(at).error, "ended by SIGTERM");
  });
});

describe("time-outs", { timeout: 30_000 }, () => {
  it("ends the command with 124, saves its outputs, and records the reason", async (context) => {
    const at = places(context);
    const args = ["--timeout", "0.5", "--output", "out", "--", "sh", "-c", "echo part > out; exec sleep 60"];
    assert.equal((await launch(at, args)).code, 124);
    const { exitCode, signal, reason, outputs } = done(at);
    assert.deepEqual(
      { exitCode, signal, reason },
      { exitCode: 124, signal: "SIGTERM", reason: "timed out after 0.5 s" },
    );
    assert.deepEqual(outputs, [{ path: "outputs/out", files: 1, bytes: 5 }]);
  });

  it("kills a command that ignores SIGTERM after the grace period", async (context) => {
    const at = places(context);
    const script = "trap '' TERM; sleep 60";
    const { code, stderr } = await launch(at, ["--timeout", "0.3", "--grace", "0.2", "--", "sh", "-c", script]);
    assert.equal(code, 124);
    const { exitCode, signal, reason } = done(at);
    const why = "timed out after 0.3 s, killed after a grace period of 0.2 s";
    assert.deepEqual({ exitCode, signal, reason }, { exitCode: 124, signal: "SIGKILL", reason: why });
    assert.equal(stderr, `launcher: sh: ${why}\n`);
  });

  it("exits with 124, also if the command exits with 0 after SIGTERM", async (context) => {
    const at = places(context);
    const script = "trap 'exit 0' TERM; while :; do sleep 0.05; done";
    assert.equal((await launch(at, ["--timeout", "0.3", "--", "sh", "-c", script])).code, 124);
    assert.deepEqual([done(at).exitCode, done(at).reason], [124, "timed out after 0.3 s"]);
  });

  it("exits with 124 if there are no inputs after --init-timeout", async (context) => {
    const at = places(context);
    const { code, stderr } = await launch(at, ["--init-timeout", "0.3", "--input", "in", "--", "touch", "ran"]);
    assert.equal(code, 124);
    assert.equal(stderr, `launcher: no inputs in ${at.share}: timed out after 0.3 s\n`);
    assert.ok(!existsSync(join(at.folder, "ran")));
    assert.equal(failed(at).phase, "init");
  });
});
