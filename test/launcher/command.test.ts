/** Tests the end and the arguments of the command that the launcher runs. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch as launchInProcess } from "launcher/launch";
import type { LaunchPlan } from "launcher/launch-plan";
import { launchSteps } from "launcher/launch-steps";
import { silent } from "shared/cli/log";
import { parseInitMarker, SHARE } from "shared/pod/markers";
import { openVolume } from "shared/pod/shared-volume";
import { done, launch, places, startLauncher, waitForOutput } from "./launching.ts";

/** Returns whether a process exists and is not a zombie. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function waitForEnd(pid: number): Promise<void> {
  for (let tries = 0; isRunning(pid); tries++) {
    assert.ok(tries < 200, `expected the end of process ${pid}, found it running`);
    await sleep(10);
  }
}

/** A program that prints its arguments as JSON. */
const PRINT_ARGV = [process.execPath, "-e", "console.log(JSON.stringify(process.argv.slice(1)))", "--"];

describe("the end of the command", { timeout: 30_000 }, () => {
  it("passes its exit code to the launcher and to the done marker", async (context) => {
    const at = places(context);
    assert.equal((await launch(at, ["--", "sh", "-c", "exit 42"])).code, 42);
    const { attempt, startedAt, finishedAt, ...rest } = done(at);
    assert.match(attempt ?? "", /^[0-9a-f-]{36}$/);
    assert.ok(Date.parse(startedAt ?? "") <= Date.parse(finishedAt ?? ""));
    const known = { schema: 1, phase: "done", exitCode: 42, signal: null, reason: null };
    const expected = { ...known, outputs: [], logs: [], error: null };
    assert.deepEqual(rest, expected);
    assert.deepEqual(readdirSync(at.share).sort(), [SHARE.done, SHARE.init, SHARE.started]);
    assert.equal(parseInitMarker(readFileSync(join(at.share, SHARE.init), "utf8"))?.by, "launcher");
  });

  it("is a failure with 128 + n after a real-time signal", async (context) => {
    const at = places(context);
    const { code } = await launch(at, ["--", "sh", "-c", "kill -37 $$"]);
    assert.equal(code, 165);
    const { exitCode, signal } = done(at);
    assert.deepEqual({ exitCode, signal }, { exitCode: 165, signal: "SIGRTMIN+3" });
  });

  it("is 137 after SIGKILL, and the done marker names the signal", async (context) => {
    const at = places(context);
    assert.equal((await launch(at, ["--", "sh", "-c", "kill -KILL $$"])).code, 137);
    assert.equal(done(at).exitCode, 137);
    assert.equal(done(at).signal, "SIGKILL");
  });

  it("is 127 for a command that is not found, with the reason in the log and the done marker", async (context) => {
    const at = places(context);
    const { code, stderr } = await launch(at, ["--", "no-such-command"]);
    assert.equal(code, 127);
    assert.match(stderr, /^launcher: no-such-command: cannot start the command: not found.*\n$/);
    assert.equal(done(at).exitCode, 127);
    assert.match(done(at).reason ?? "", /not found/);
  });

  it("is 126 for a command that is not executable", async (context) => {
    const at = places(context);
    writeFileSync(join(at.folder, "file"), "#!/bin/sh\n");
    for (const command of ["./file", at.folder]) {
      const { code, stderr } = await launch(at, ["--", command]);
      assert.equal(code, 126);
      assert.match(stderr, /permission denied/);
      assert.equal(done(at).exitCode, 126);
    }
  });

  it("kills the rest of its process group without a delay", async (context) => {
    const at = places(context);
    const running = startLauncher(at, ["--", "sh", "-c", "sleep 60 & echo $!; exit 3"]);
    await waitForOutput(running, "\n");
    const started = performance.now();
    const { code, stdout } = await running.ended;
    assert.equal(code, 3);
    assert.ok(performance.now() - started < 5000, `${performance.now() - started} ms`);
    await waitForEnd(Number(stdout));
  });

  it("does not wait for a process of another session that holds stdout open", async (context) => {
    const at = places(context);
    const until = (name: string) => `until [ -e ${name} ]; do sleep 0.05; done`;
    const escaped = `echo $$; touch escaped; ${until("asked")}; touch answered; exec sleep 60`;
    const script = `setsid sh -c '${escaped}' & ${until("escaped")}; exit 3`;
    const running = startLauncher(at, ["--", "sh", "-c", script]);
    let pid = "";
    running.child.stdout?.on("data", (text) => {
      pid += String(text);
    });
    const [code] = await once(running.child, "exit");
    assert.equal(code, 3);
    writeFileSync(join(at.folder, "asked"), "");
    while (!existsSync(join(at.folder, "answered"))) await sleep(10);
    process.kill(Number(pid), "SIGKILL");
    await running.ended;
  });

  it("has the stdin, working directory and environment of the launcher", async (context) => {
    const at = places(context);
    const script = "pwd; cat; echo $COLOUR";
    const running = startLauncher(at, ["--", "sh", "-c", script], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { COLOUR: "blue" },
    });
    running.child.stdin?.end("from stdin\n");
    assert.equal((await running.ended).stdout, `${at.folder}\nfrom stdin\nblue\n`);
  });
});

describe("the arguments of the command", { timeout: 30_000 }, () => {
  const odd = [
    "a  b",
    "*",
    "",
    "\n",
    "--",
    "-q",
    "--share",
    "NA",
    "$HOME",
    "`id`",
    "'\"\\",
    "größe",
    "-",
    "--help",
    "true",
    "0x10",
    "1.0",
  ];

  it("are unchanged after --", async (context) => {
    const { code, stdout } = await launch(places(context), ["--", ...PRINT_ARGV, ...odd]);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), odd);
  });

  it("are unchanged in the operator's form", async (context) => {
    const { code, stdout } = await launch(places(context), ["NA", "NA", ...PRINT_ARGV, ...odd]);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), odd);
  });

  it("are unchanged with a total of 200 kB", async (context) => {
    const long = ["x".repeat(100_000), "y".repeat(100_000)];
    const { stdout } = await launch(places(context), ["--", ...PRINT_ARGV, ...long]);
    assert.deepEqual(JSON.parse(stdout), long);
  });

  it("give 126 and a reason in the done marker if one is too long for the system", async (context) => {
    const at = places(context);
    const warnings: string[] = [];
    const plan: LaunchPlan = {
      share: at.share,
      input: undefined,
      skipDone: false,
      checkpoints: [],
      checkpointSeconds: 300,
      outputs: [],
      allowMissingOutput: false,
      outputPipe: undefined,
      logs: false,
      command: ["true", "x".repeat(200_000)],
      initTimeoutSeconds: undefined,
      sidecarTimeoutSeconds: 0,
      timeoutSeconds: undefined,
      graceSeconds: 1,
      onlyIf: undefined,
      waitPush: false,
      quiet: true,
    };
    const warn = (line: string) => void warnings.push(line);
    const signals = { listen: () => {} };
    // The system cannot start the launcher with such a long argument. So the test calls the launcher's code directly.
    const { stdout, stderr } = process;
    const own = { signals, terminal: false, directSignals: [], env: process.env, stdout, stderr, warn };
    const shared = { ...own, attempt: "a", volume: openVolume(at.share), waitLog: silent };
    assert.equal(
      await launchInProcess(
        plan,
        shared,
        launchSteps(plan, shared, async () => ({ kind: "none" })),
      ),
      126,
    );
    assert.match(done(at).reason ?? "", /too long \(E2BIG\)/);
    assert.deepEqual(warnings, [`true: ${done(at).reason}`]);
  });
});
