/** The built executable, with real processes. */
import assert from "node:assert/strict";
import { type SpawnOptions, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch as launchInProcess } from "launcher/launch";
import { launchSteps } from "launcher/launch-steps";
import type { LaunchPlan } from "launcher/options";
import { silent } from "shared/cli/log";
import { type DoneMarker, parseDoneMarker, parseInitMarker, SHARE } from "shared/pod/markers";
import { openVolume } from "shared/pod/shared-volume";
import { type Ended, type Running, run, runTool, startTool, toolPath } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";

const FORMS =
  "launcher [options] -- COMMAND [ARG ...] or launcher [options] ARTIFACT-INPUT ARTIFACT-OUTPUT COMMAND [ARG ...] or launcher --install DIR [--mounted-at DIR]";
const NOT_ROOT = process.getuid?.() === 0 ? false : "only root may do this";
const NO_MOUNTS = spawnSync("unshare", ["-m", "true"]).status === 0 ? false : "mount namespaces are not allowed here";

/** A program that prints its arguments as JSON. */
const PRINT_ARGV = [process.execPath, "-e", "console.log(JSON.stringify(process.argv.slice(1)))", "--"];

/** A program that names each signal that it gets, ends with 7 at SIGTERM, and says when it is ready. */
const NAME_SIGNALS = [
  process.execPath,
  "-e",
  `for (const name of ["SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGWINCH", "SIGALRM", "SIGCONT"])
     process.on(name, () => console.log(name));
   process.on("SIGTERM", () => process.exit(7));
   setInterval(() => {}, 1000);
   console.log("ready");`,
];

interface Places {
  readonly folder: string;
  readonly share: string;
}

function places(context: { after(clean: () => void): void }): Places {
  const folder = temporaryFolder(context);
  const share = join(folder, "share");
  mkdirSync(share);
  return { folder, share };
}

/** Starts the launcher, quiet, in the folder beside the share. */
function startLauncher({ folder, share }: Places, args: readonly string[], options: SpawnOptions = {}): Running {
  return startTool("launcher", ["-q", "--share", share, ...args], { cwd: folder, ...options });
}

function launch(at: Places, args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  return startLauncher(at, args, options).ended;
}

/** Resolves once a process has said something, on stdout or stderr. */
async function says(running: Running, part: string): Promise<void> {
  let text = "";
  await new Promise<void>((resolve, reject) => {
    const hear = (chunk: string | Buffer) => {
      text += String(chunk);
      if (text.includes(part)) resolve();
    };
    running.child.stdout?.on("data", hear);
    running.child.stderr?.on("data", hear);
    running.child.once("close", () => reject(new Error(`ended without saying ${part}: ${text}`)));
  });
}

function marker(share: string, name: string): DoneMarker {
  const content = parseDoneMarker(readFileSync(join(share, name), "utf8"));
  assert.ok(content);
  return content;
}

const done = ({ share }: Places) => marker(share, SHARE.done);
const failed = ({ share }: Places) => marker(share, SHARE.doneFailed);
const has = ({ share }: Places, name: string) => existsSync(join(share, name));

/** Whether a process is there and no zombie. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function isGone(pid: number): Promise<void> {
  for (let tries = 0; isRunning(pid); tries++) {
    assert.ok(tries < 200, `process ${pid} is still there`);
    await sleep(10);
  }
}

function writeInit({ share }: Places): void {
  writeFileSync(join(share, SHARE.init), "");
}

describe("the end of the command", { timeout: 30_000 }, () => {
  it("its exit code is the launcher's, and the marker has it", async (context) => {
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

  it("a death by a real-time signal is 128 + n, and no success", async (context) => {
    const at = places(context);
    const { code } = await launch(at, ["--", "sh", "-c", "kill -37 $$"]);
    assert.equal(code, 165);
    const { exitCode, signal } = done(at);
    assert.deepEqual({ exitCode, signal }, { exitCode: 165, signal: "SIGRTMIN+3" });
  });

  it("a death by SIGKILL is 137, and the marker names the signal", async (context) => {
    const at = places(context);
    assert.equal((await launch(at, ["--", "sh", "-c", "kill -KILL $$"])).code, 137);
    assert.equal(done(at).exitCode, 137);
    assert.equal(done(at).signal, "SIGKILL");
  });

  it("a command that is not found is 127, with the reason in the log and in the done marker", async (context) => {
    const at = places(context);
    const { code, stderr } = await launch(at, ["--", "no-such-command"]);
    assert.equal(code, 127);
    assert.match(stderr, /^launcher: no-such-command: cannot start the command: not found.*\n$/);
    assert.equal(done(at).exitCode, 127);
    assert.match(done(at).reason ?? "", /not found/);
  });

  it("a command that is not executable is 126", async (context) => {
    const at = places(context);
    writeFileSync(join(at.folder, "file"), "#!/bin/sh\n");
    for (const command of ["./file", at.folder]) {
      const { code, stderr } = await launch(at, ["--", command]);
      assert.equal(code, 126);
      assert.match(stderr, /permission denied/);
      assert.equal(done(at).exitCode, 126);
    }
  });

  it("what it left running in its group is gone, and holds nothing up", async (context) => {
    const at = places(context);
    const running = startLauncher(at, ["--", "sh", "-c", "sleep 60 & echo $!; exit 3"]);
    await says(running, "\n");
    const said = performance.now();
    const { code, stdout } = await running.ended;
    assert.equal(code, 3);
    assert.ok(performance.now() - said < 1000, `${performance.now() - said} ms`);
    await isGone(Number(stdout));
  });

  it("a process of another session that holds stdout open does not hold the launcher", async (context) => {
    const at = places(context);
    const running = startLauncher(at, ["--", "sh", "-c", "setsid sh -c 'echo $$; exec sleep 60' & sleep 0.3; exit 3"]);
    let pid = "";
    running.child.stdout?.on("data", (text) => {
      pid += String(text);
    });
    const [code] = await once(running.child, "exit");
    assert.equal(code, 3);
    assert.ok(isRunning(Number(pid)));
    process.kill(Number(pid), "SIGKILL");
    await running.ended;
  });

  it("stdin, working directory and environment are the launcher's own", async (context) => {
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

  it("arrive untouched behind --", async (context) => {
    const { code, stdout } = await launch(places(context), ["--", ...PRINT_ARGV, ...odd]);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), odd);
  });

  it("arrive untouched in the operator's form", async (context) => {
    const { code, stdout } = await launch(places(context), ["NA", "NA", ...PRINT_ARGV, ...odd]);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), odd);
  });

  it("that are not UTF-8 are refused, and the command is not run", async (context) => {
    const at = places(context);
    const script = `exec "$1" -q --share "$2" -- touch "$(printf 'a\\377')"`;
    const { code, stderr } = await run("sh", ["-c", script, "sh", toolPath("launcher"), at.share], { cwd: at.folder });
    assert.equal(code, 64);
    assert.equal(stderr, `launcher: an argument is not UTF-8 text (usage: ${FORMS})\n`);
    assert.deepEqual(readdirSync(at.folder), ["share"]);
  });

  it("are not refused for a variable of the environment that is not UTF-8, but that is told", async (context) => {
    const at = places(context);
    const script = `export BAD="$(printf 'a\\377')" GOOD="\ufffd"; exec "$1" -q --share "$2" -- true`;
    const { code, stderr } = await run("sh", ["-c", script, "sh", toolPath("launcher"), at.share]);
    assert.equal(code, 0);
    assert.equal(stderr, "launcher: BAD in the environment is not UTF-8 text: the command gets it changed\n");
  });

  it("of 200 kB together arrive untouched", async (context) => {
    const long = ["x".repeat(100_000), "y".repeat(100_000)];
    const { stdout } = await launch(places(context), ["--", ...PRINT_ARGV, ...long]);
    assert.deepEqual(JSON.parse(stdout), long);
  });

  it("with one that the system takes from nobody are 126, with the reason in the done marker", async (context) => {
    const at = places(context);
    const warnings: string[] = [];
    const plan: LaunchPlan = {
      share: at.share,
      input: undefined,
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
    // No process can be started with such an argument, so not the launcher either.
    const { stdout, stderr } = process;
    const own = { signals, terminal: false, delivered: [], stdout, stderr, warn };
    const shared = { ...own, attempt: "a", volume: openVolume(at.share), waitLog: silent };
    assert.equal(
      await launchInProcess(
        plan,
        shared,
        launchSteps(plan, own, async () => ({ kind: "none" })),
      ),
      126,
    );
    assert.match(done(at).reason ?? "", /too long \(E2BIG\)/);
    assert.deepEqual(warnings, [`true: ${done(at).reason}`]);
  });
});

describe("signals", { timeout: 30_000 }, () => {
  it("SIGTERM reaches the command, whose own code, outputs and marker stay", async (context) => {
    const at = places(context);
    // The signal reaches the shell's own child too, and the shell may say so.
    const trap = "exec 2>/dev/null; trap 'echo saved > out/file; exit 7' TERM";
    const script = `${trap}; mkdir out; echo ready; while :; do sleep 0.05; done`;
    const running = startLauncher(at, ["--output", "out", "--", "sh", "-c", script]);
    await says(running, "ready");
    running.child.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    assert.equal(code, 7);
    assert.equal(stderr, "launcher: sh: terminated\n");
    assert.equal(readFileSync(join(at.share, "outputs", "out", "file"), "utf8"), "saved\n");
    const { exitCode, signal, reason } = done(at);
    assert.deepEqual({ exitCode, signal, reason }, { exitCode: 7, signal: null, reason: "terminated" });
  });

  it("a command that ignores SIGTERM is killed after the grace period, not before", async (context) => {
    const at = places(context);
    const running = startLauncher(at, ["--grace", "0.5", "--", "sh", "-c", "trap '' TERM; echo ready; sleep 60"]);
    await says(running, "ready");
    const asked = performance.now();
    running.child.kill("SIGTERM");
    assert.equal((await running.ended).code, 137);
    assert.ok(performance.now() - asked > 450);
    assert.equal(done(at).signal, "SIGKILL");
    assert.equal(done(at).reason, "terminated, killed after a grace period of 0.5 s");
  });

  it("a time-out in the grace period of SIGTERM changes nothing: the first reason counts", async (context) => {
    const at = places(context);
    const script = "trap '' TERM; echo ready; sleep 60";
    const running = startLauncher(at, ["--timeout", "1", "--grace", "1.2", "--", "sh", "-c", script]);
    await says(running, "ready");
    running.child.kill("SIGTERM");
    assert.equal((await running.ended).code, 137);
    assert.match(done(at).reason ?? "", /^terminated, killed/);
  });

  for (const name of ["SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGWINCH", "SIGALRM", "SIGCONT"] as const)
    it(`${name} reaches the command`, async (context) => {
      const running = startLauncher(places(context), ["--", ...NAME_SIGNALS]);
      await says(running, "ready");
      const heard = says(running, name);
      running.child.kill(name);
      // Whether or not it is heard, the command ends.
      const late = setTimeout(() => running.child.kill("SIGTERM"), 5000);
      await heard;
      clearTimeout(late);
      running.child.kill("SIGTERM");
      assert.equal((await running.ended).code, 7);
    });

  it("they reach the command's whole group", async (context) => {
    const at = places(context);
    const script = "trap 'exit 9' INT; sh -c 'trap \"echo inner; exit\" INT; echo ready; while :; do sleep 0.05; done'";
    const running = startLauncher(at, ["--", "sh", "-c", script]);
    await says(running, "ready");
    running.child.kill("SIGINT");
    const { code, stdout } = await running.ended;
    assert.equal(code, 9);
    assert.equal(stdout, "ready\ninner\n");
  });

  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)
    it(`${signal} while the inputs are waited for ends it with ${code}, and the command is never run`, async (context) => {
      const at = places(context);
      const args = ["--share", at.share, "--input", "in", "--", "touch", "ran"];
      const running = startTool("launcher", args, { cwd: at.folder });
      await says(running, `wait-fs: `);
      running.child.kill(signal);
      const ended = await running.ended;
      assert.equal(ended.code, code);
      assert.match(ended.stderr, new RegExp(`\nlauncher: ended by ${signal}\n$`));
      assert.deepEqual(readdirSync(at.folder), ["share"]);
      assert.ok(!has(at, SHARE.done));
      assert.equal(failed(at).phase, "init");
    });

  it("SIGTERM while the inputs are copied ends it with 143, and the command is never run", async (context) => {
    const at = places(context);
    const inputs = join(at.share, SHARE.inputs);
    mkdirSync(inputs);
    // A hole takes a while to read, and no space.
    writeFileSync(join(inputs, "hole"), "");
    truncateSync(join(inputs, "hole"), 2 ** 29);
    writeInit(at);
    const args = ["--share", at.share, "--input", "in", "--", "touch", "ran"];
    const running = startTool("launcher", args, { cwd: at.folder });
    await says(running, `Found existing path ${join(at.share, SHARE.init)}`);
    running.child.kill("SIGTERM");
    assert.equal((await running.ended).code, 143);
    assert.ok(!existsSync(join(at.folder, "ran")));
    assert.ok(!has(at, SHARE.done));
    assert.equal(failed(at).error, "ended by SIGTERM");
  });
});

describe("time-outs", { timeout: 30_000 }, () => {
  it("--timeout ends the command with 124, keeps what it left, and the marker says why", async (context) => {
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

  it("--timeout kills a command that ignores SIGTERM after the grace period", async (context) => {
    const at = places(context);
    const script = "trap '' TERM; sleep 60";
    const { code, stderr } = await launch(at, ["--timeout", "0.3", "--grace", "0.2", "--", "sh", "-c", script]);
    assert.equal(code, 124);
    const { exitCode, signal, reason } = done(at);
    const why = "timed out after 0.3 s, killed after a grace period of 0.2 s";
    assert.deepEqual({ exitCode, signal, reason }, { exitCode: 124, signal: "SIGKILL", reason: why });
    assert.equal(stderr, `launcher: sh: ${why}\n`);
  });

  it("--timeout ends with 124 though the command ends with 0 when it is told to", async (context) => {
    const at = places(context);
    const script = "trap 'exit 0' TERM; while :; do sleep 0.05; done";
    assert.equal((await launch(at, ["--timeout", "0.3", "--", "sh", "-c", script])).code, 124);
    assert.deepEqual([done(at).exitCode, done(at).reason], [124, "timed out after 0.3 s"]);
  });

  it("--init-timeout ends the wait for the inputs with 124", async (context) => {
    const at = places(context);
    const { code, stderr } = await launch(at, ["--init-timeout", "0.3", "--input", "in", "--", "touch", "ran"]);
    assert.equal(code, 124);
    assert.equal(stderr, `launcher: no inputs in ${at.share}: timed out after 0.3 s\n`);
    assert.ok(!existsSync(join(at.folder, "ran")));
    assert.equal(failed(at).phase, "init");
  });
});

describe("inputs", { timeout: 30_000 }, () => {
  it("are waited for and put in place, dotfiles too, before the command is run", async (context) => {
    const at = places(context);
    const args = ["--share", at.share, "deep/in", "NA", "sh", "-c", "cat deep/in/.dot deep/in/folder/file"];
    const running = startTool("launcher", args, { cwd: at.folder });
    await says(running, `wait-fs: `);
    mkdirSync(join(at.share, SHARE.inputs, "folder"), { recursive: true });
    writeFileSync(join(at.share, SHARE.inputs, ".dot"), "dot\n");
    writeFileSync(join(at.share, SHARE.inputs, "folder", "file"), "file\n");
    writeInit(at);
    const { code, stdout } = await running.ended;
    assert.equal(code, 0);
    assert.equal(stdout, "dot\nfile\n");
  });

  it("none at all are no error, whether the folder is there or not", async (context) => {
    const at = places(context);
    writeInit(at);
    assert.equal((await launch(at, ["--input", "in", "--", "rmdir", "in"])).code, 0);
    mkdirSync(join(at.share, SHARE.inputs));
    assert.equal((await launch(at, ["--input", "in", "--", "rmdir", "in"])).code, 0);
  });

  it("an init marker that is broken is waited for until it is whole", async (context) => {
    const at = places(context);
    writeFileSync(join(at.share, SHARE.init), '{"schema": 1,');
    const running = startTool("launcher", ["--share", at.share, "--input", "in", "--", "true"], { cwd: at.folder });
    await says(running, SHARE.init);
    await sleep(200);
    assert.equal(running.child.exitCode, null);
    writeFileSync(join(at.share, SHARE.init), '{"schema": 1}');
    assert.equal((await running.ended).code, 0);
  });

  it("that are used where they are need no copy", async (context) => {
    const at = places(context);
    mkdirSync(join(at.share, SHARE.inputs));
    writeFileSync(join(at.share, SHARE.inputs, "file"), "1");
    writeInit(at);
    assert.equal(
      (await launch(at, ["--input", join(at.share, SHARE.inputs), "--", "cat", "share/inputs/file"])).stdout,
      "1",
    );
  });

  it("that the sidecar could not bring end it with 66 and the sidecar's reason", async (context) => {
    const at = places(context);
    const running = startTool("launcher", ["--share", at.share, "--input", "in", "--", "touch", "ran"], {
      cwd: at.folder,
    });
    await says(running, SHARE.init);
    const reason = { schema: 1, attempt: null, exitCode: 76, error: "MANIFEST_UNKNOWN: no such tag" };
    writeFileSync(join(at.share, SHARE.initFailed), JSON.stringify(reason));
    const { code, stderr } = await running.ended;
    assert.equal(code, 66);
    const line = "launcher: the inputs could not be brought, the command is not run (MANIFEST_UNKNOWN: no such tag)\n";
    assert.ok(stderr.endsWith(line), stderr);
    assert.ok(!existsSync(join(at.folder, "ran")));
    assert.ok(!has(at, SHARE.done));
    assert.equal(failed(at).exitCode, null);
  });

  it("an input path that can't be made ends it with 73 and names it", async (context) => {
    const at = places(context);
    writeInit(at);
    writeFileSync(join(at.folder, "file"), "");
    const { code, stderr } = await launch(at, ["--input", "file/in", "--", "touch", "ran"]);
    assert.equal(code, 73);
    assert.equal(stderr, "launcher: cannot create file/in (a part of the path is not a directory)\n");
    assert.equal(failed(at).phase, "init");
  });
});

describe("outputs", { timeout: 30_000 }, () => {
  it("several are saved and recorded, one from each form of the command line", async (context) => {
    const at = places(context);
    const script = "mkdir a; echo 1 > a/x; echo 22 > a/.y; echo 333 > b";
    assert.equal((await launch(at, ["--output", "b", "NA", "a", "sh", "-c", script])).code, 0);
    assert.deepEqual(done(at).outputs, [
      { path: "outputs/a", files: 2, bytes: 5 },
      { path: "outputs/b", files: 1, bytes: 4 },
    ]);
    assert.deepEqual(readdirSync(join(at.share, "outputs")).sort(), ["a", "b"]);
  });

  it("every --output counts", async (context) => {
    const at = places(context);
    const args = ["--output", "a", "--output", "b", "--output", "c", "--", "touch", "a", "b", "c"];
    assert.equal((await launch(at, args)).code, 0);
    assert.deepEqual(readdirSync(join(at.share, "outputs")).sort(), ["a", "b", "c"]);
  });

  it("one on the shared volume is not copied", async (context) => {
    const at = places(context);
    const script = "mkdir -p share/results; echo 1 > share/results/x";
    assert.equal((await launch(at, ["--output", "share/results", "--", "sh", "-c", script])).code, 0);
    assert.deepEqual(done(at).outputs, [{ path: "results", files: 1, bytes: 2 }]);
    assert.ok(!has(at, "outputs"));
  });

  it("of a command that failed are saved, and its code is kept", async (context) => {
    const at = places(context);
    assert.equal((await launch(at, ["--output", "a", "--", "sh", "-c", "echo 1 > a; exit 5"])).code, 5);
    assert.equal(done(at).exitCode, 5);
    assert.deepEqual(done(at).outputs, [{ path: "outputs/a", files: 1, bytes: 2 }]);
  });

  it("one that is missing ends it with 66 and is named, and there is no success marker", async (context) => {
    const at = places(context);
    const { code, stderr } = await launch(at, ["--output", "a", "--", "true"]);
    assert.equal(code, 66);
    assert.equal(stderr, "launcher: missing output a (the command did not write it)\n");
    assert.ok(!has(at, SHARE.done));
    assert.equal(failed(at).error, "missing output a (the command did not write it)");
    assert.equal(failed(at).phase, "copy");
    assert.equal(failed(at).exitCode, 0);
  });

  it("one that is a FIFO is left out with a warning, and missed where nothing else was asked for", async (context) => {
    const at = places(context);
    const command = ["--", "sh", "-c", "mkfifo a.fifo; touch a.txt"];
    const alone = await launch(at, ["--output", "a.fifo", ...command]);
    assert.equal(alone.code, 66);
    assert.match(alone.stderr, /^launcher: left out a\.fifo: a FIFO\nlauncher: missing output a\.fifo /);
    rmSync(join(at.folder, "a.fifo"));
    const matched = await launch(at, ["--output", "a.*", ...command]);
    assert.equal(matched.code, 0);
    assert.equal(matched.stderr, "launcher: left out a.fifo: a FIFO\n");
    assert.deepEqual(done(at).outputs, [{ path: "outputs/a.txt", files: 1, bytes: 0 }]);
  });

  it("one that is missing is a warning by option", async (context) => {
    const at = places(context);
    const { code, stderr } = await launch(at, ["--allow-missing-output", "--output", "a", "--", "true"]);
    assert.equal(code, 0);
    assert.equal(stderr, "launcher: missing output a\n");
    assert.deepEqual(done(at).outputs, []);
  });

  it("one that is missing does not mask the command's own code", async (context) => {
    const at = places(context);
    const args = ["--output", "a", "--output", "b", "--", "sh", "-c", "touch b; exit 5"];
    const { code, stderr } = await launch(at, args);
    assert.equal(code, 5);
    assert.equal(stderr, "launcher: missing output a\n");
    assert.deepEqual(done(at).outputs, [{ path: "outputs/b", files: 1, bytes: 0 }]);
  });

  it("relative symlinks stay verbatim, FIFOs and sockets are left out with a warning", async (context) => {
    const at = places(context);
    const out = join(at.folder, "out");
    mkdirSync(out);
    symlinkSync("../x/y", join(out, "link"));
    const server = createServer().listen(join(out, "socket"));
    await once(server, "listening");
    const { code, stderr } = await launch(at, ["--output", "out", "--", "mkfifo", "out/fifo"]);
    server.close();
    assert.equal(code, 0);
    const warnings = [`launcher: left out ${out}/fifo: a FIFO`, `launcher: left out ${out}/socket: a socket`];
    assert.deepEqual(stderr.trimEnd().split("\n").sort(), warnings);
    assert.deepEqual(readdirSync(join(at.share, "outputs", "out")), ["link"]);
    assert.equal(readlinkSync(join(at.share, "outputs", "out", "link")), "../x/y");
  });

  it("one that holds the shared volume is refused with 74 and a hint", async (context) => {
    const at = places(context);
    const { code, stderr } = await launch(at, ["--output", ".", "--", "true"]);
    assert.equal(code, 74);
    assert.match(stderr, /^launcher: the output \. holds the shared volume .*\nhint: .*\n$/);
    assert.ok(!has(at, SHARE.done));
  });
});

describe("markers of an earlier attempt", { timeout: 30_000 }, () => {
  it("are gone before the command runs", async (context) => {
    const at = places(context);
    const names = [SHARE.done, SHARE.doneFailed, SHARE.pushed, SHARE.pushFailed];
    for (const name of names) writeFileSync(join(at.share, name), '{"attempt": "old", "exitCode": 0}');
    const { code, stdout } = await launch(at, ["--", "ls", "share"]);
    assert.equal(code, 0);
    assert.equal(stdout, `${SHARE.init}\n${SHARE.lease}\n${SHARE.started}\n`);
    assert.notEqual(done(at).attempt, "old");
  });

  it("each start is an attempt of its own", async (context) => {
    const at = places(context);
    await launch(at, ["--", "true"]);
    const { attempt } = done(at);
    await launch(at, ["--", "true"]);
    assert.notEqual(done(at).attempt, attempt);
  });
});

describe("--wait-push", { timeout: 30_000 }, () => {
  /** Starts a launch that waits for the push and resolves once its done marker is there. */
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

  it("ends with 0 once the outputs were pushed", async (context) => {
    const at = places(context);
    const { running, attempt } = await waiting(at);
    writeFileSync(join(at.share, SHARE.pushed), pushed(attempt));
    assert.equal((await running.ended).code, 0);
  });

  it("does not take the markers of another attempt for its own", async (context) => {
    const at = places(context);
    const { running, attempt } = await waiting(at);
    writeFileSync(join(at.share, SHARE.pushed), pushed("another"));
    writeFileSync(join(at.share, SHARE.pushFailed), pushFailed("another"));
    await sleep(300);
    assert.equal(running.child.exitCode, null);
    writeFileSync(join(at.share, SHARE.pushed), pushed(attempt));
    assert.equal((await running.ended).code, 0);
  });

  it("ends with 75 and the sidecar's reason where the push failed", async (context) => {
    const at = places(context);
    const { running, attempt } = await waiting(at);
    writeFileSync(join(at.share, SHARE.pushFailed), pushFailed(attempt));
    const { code, stderr } = await running.ended;
    assert.equal(code, 75);
    assert.match(stderr, /\nlauncher: the outputs were not pushed \(connection refused\)\n$/);
  });

  it("a push that failed does not mask the command's own code", async (context) => {
    const at = places(context);
    const { running, attempt } = await waiting(at, 3);
    writeFileSync(join(at.share, SHARE.pushFailed), pushFailed(attempt));
    const { code, stderr } = await running.ended;
    assert.equal(code, 3);
    assert.match(stderr, /\nlauncher: the outputs were not pushed\b.*\n$/);
  });

  it("SIGTERM ends the wait with 75", async (context) => {
    const at = places(context);
    const args = ["--share", at.share, "--wait-push", "--", "true"];
    const running = startTool("launcher", args, { cwd: at.folder });
    while (!has(at, SHARE.done)) await sleep(10);
    // Signals while the outputs are saved are not heard.
    for (; running.child.exitCode === null; await sleep(50)) running.child.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    assert.equal(code, 75);
    assert.match(stderr, /launcher: the outputs were not pushed \(ended by SIGTERM\)\n$/);
  });
});

describe("the launcher's own output", { timeout: 30_000 }, () => {
  it("says what the operator's script says, on stderr", async (context) => {
    const at = places(context);
    const { stdout, stderr } = await runTool("launcher", ["--share", at.share, "NA", "NA", "echo", "a\nb"], {
      cwd: at.folder,
    });
    assert.equal(stdout, "a\nb\n");
    assert.deepEqual(stderr.split("\n"), [
      "Expecting: <artifact-input> <artifact-output> <command>...",
      "Full provided set of arguments are NA NA echo a\\nb",
      "Command is echo a\\nb",
      "Artifact input is NA",
      "Artifact output is NA",
      "",
    ]);
  });

  it("is nothing with -q", async (context) => {
    const { stdout, stderr } = await launch(places(context), ["--", "true"]);
    assert.equal(stdout + stderr, "");
  });

  const refused: readonly [string, readonly string[], NodeJS.ProcessEnv, string][] = [
    ["no command", [], {}, "no command to run"],
    ["-- without a command", ["--"], {}, "no command to run"],
    ["two arguments", ["NA", "NA"], {}, "an input, an output and a command are due"],
    ["an empty path", ["", "NA", "true"], {}, "a path is empty; write NA for none"],
    ["an unknown option", ["--nonsense", "--", "true"], {}, "unknown option: nonsense"],
    ["an option without a value", ["--output", "--", "true"], {}, "option output needs a value"],
    ["a grace period that is no number", ["--grace", "x", "--", "true"], {}, '--grace is a number, not "x"'],
    ["the same output twice", ["--output", "a", "--output", "b/a", "--", "true"], {}, 'two outputs are named "a"'],
    ["a bad variable", ["--", "true"], { ORAS_WAIT_PUSH: "maybe" }, 'ORAS_WAIT_PUSH is true or false, not "maybe"'],
  ];
  for (const [name, args, env, what] of refused)
    it(`${name} ends it with 64 and one line with the right forms`, async () => {
      const { code, stdout, stderr } = await runTool("launcher", args, { env });
      assert.deepEqual(
        { code, stdout, stderr },
        { code: 64, stdout: "", stderr: `launcher: ${what} (usage: ${FORMS})\n` },
      );
    });

  it("the variables that Kubernetes sets for a service named oras do no harm", async (context) => {
    const env = { ORAS_PORT: "tcp://10.0.0.1:5000", ORAS_SERVICE_HOST: "10.0.0.1", ORAS_SERVICE_PORT: "5000" };
    assert.equal((await launch(places(context), ["--", "true"], { env })).code, 0);
  });

  it("--help shows both forms and the exit codes, --version a version", async () => {
    const help = await runTool("launcher", ["--help"]);
    assert.equal(help.code, 0);
    for (const part of [...FORMS.split(" or "), "75 they were not pushed", "124 timed out"])
      assert.ok(help.stdout.includes(part), part);
    const version = await runTool("launcher", ["--version"]);
    assert.equal(version.code, 0);
    assert.match(version.stdout, /^launcher \d+\.\d+\.\d+\n$/);
  });
});

describe("users and volumes", { timeout: 30_000 }, () => {
  const folder = temporaryFolder({ after });
  const launcher = join(folder, "launcher");

  // The executables may lie where only this user can reach them.
  before(() => {
    chmodSync(folder, 0o755);
    copyFileSync(toolPath("launcher"), launcher);
  });

  function sharedPlaces(): Places {
    const at = { folder: join(folder, "run"), share: join(folder, "run", "share") };
    rmSync(at.folder, { recursive: true, force: true });
    for (const path of [at.folder, at.share]) {
      mkdirSync(path);
      chmodSync(path, 0o777);
    }
    return at;
  }

  it("what one user wrote under umask 077 another user reads and removes", { skip: NOT_ROOT }, async () => {
    const at = sharedPlaces();
    const script = `umask 077; exec "$0" -q --share share --output out --output log -- sh -c 'mkdir out; echo 1 > out/x; echo 2 > log'`;
    const first = await run("sh", ["-c", script, launcher], { cwd: at.folder, uid: 65532, gid: 65532, env: {} });
    assert.equal(first.code, 0, first.stderr);
    assert.equal(statSync(join(at.share, SHARE.done)).uid, 65532);
    const read = `cat share/outputs/out/x share/outputs/log share/${SHARE.done} && rm share/outputs/log share/${SHARE.done}`;
    const second = await run("sh", ["-c", read], { cwd: at.folder, uid: 1000, gid: 1000 });
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stdout, /^1\n2\n\{/);
  });

  it("an output with folders that may not be written to is replaced by a normal user", { skip: NOT_ROOT }, async () => {
    const at = sharedPlaces();
    const script = "chmod -R u+w out; rm -rf out; mkdir -p out/closed; date > out/closed/x; chmod 555 out/closed out";
    for (let attempt = 1; attempt <= 2; attempt++) {
      const args = ["-q", "--share", at.share, "--output", "out", "--", "sh", "-c", script];
      const ended = await run(launcher, args, { cwd: at.folder, uid: 1000, gid: 1000, env: {} });
      assert.equal(ended.code, 0, ended.stderr);
      assert.ok(has(at, SHARE.done));
      assert.deepEqual(readdirSync(join(at.share, "outputs")), ["out"]);
    }
  });

  it("an output that may not be read is named, and the command's own code is kept", { skip: NOT_ROOT }, async () => {
    const at = sharedPlaces();
    const user = { cwd: at.folder, uid: 1000, gid: 1000, env: {} };
    const args = (exitCode: number) => {
      const script = `rm -rf out; mkdir out; echo 1 > out/x; chmod 0 out/x; exit ${exitCode}`;
      return ["-q", "--share", at.share, "--output", "out", "--", "sh", "-c", script];
    };
    const fine = await run(launcher, args(0), user);
    assert.equal(fine.code, 66);
    assert.equal(fine.stderr, `launcher: cannot read ${join(at.folder, "out", "x")} (permission denied)\n`);
    assert.ok(!has(at, SHARE.done));
    assert.deepEqual(readdirSync(join(at.share, "outputs")), []);
    assert.equal((await run(launcher, args(5), user)).code, 5);
    assert.equal(failed(at).exitCode, 5);
  });

  it("a shared volume that may not be written to ends it with 73, and the command is not run", {
    skip: NOT_ROOT,
  }, async () => {
    const at = sharedPlaces();
    chmodSync(at.share, 0o555);
    const args = ["-q", "--share", at.share, "--", "touch", "ran"];
    const { code, stderr } = await run(launcher, args, { cwd: at.folder, uid: 1000, gid: 1000, env: {} });
    assert.equal(code, 73);
    assert.match(stderr, /^launcher: cannot write .*share\/oras-operator-\S+ \(permission denied\)\n$/);
    assert.ok(!existsSync(join(at.folder, "ran")));
  });

  it("no space left for the outputs is 74, without a success marker", { skip: NO_MOUNTS }, async () => {
    const at = sharedPlaces();
    const script = `mount -t tmpfs -o size=2m none share || exit 99
      "$0" -q --share share --output out -- sh -c 'mkdir -p out; head -c 3000000 /dev/urandom > out/x; exit '$1
      code=$?; ls -A share share/outputs; cat share/${SHARE.doneFailed}; exit $code`;
    for (const [own, expected] of [
      [0, 74],
      [5, 5],
    ] as const) {
      const { code, stdout, stderr } = await run("unshare", ["-m", "sh", "-c", script, launcher, `${own}`], {
        cwd: at.folder,
      });
      assert.equal(code, expected, stderr);
      assert.match(stderr, /^launcher: cannot write .*outputs.*/);
      const [listing = "", json = ""] = stdout.split(/^(?=\{)/m);
      assert.deepEqual(listing.split(/\s+/).filter(Boolean), [
        "share:",
        SHARE.doneFailed,
        SHARE.init,
        SHARE.started,
        "outputs",
        "share/outputs:",
      ]);
      const marker = parseDoneMarker(json);
      assert.equal(marker?.exitCode, own);
      assert.equal(marker?.phase, "copy");
    }
  });

  it("a read-only root without /tmp is enough", { skip: NO_MOUNTS }, async () => {
    const at = sharedPlaces();
    const script = `set -e
      mkdir root; mount -t tmpfs none root; cd root; mkdir usr proc dev share tool out
      for name in bin lib lib64; do
        if [ -L /$name ]; then cp -P /$name .; elif [ -d /$name ]; then mkdir $name; mount --bind /$name $name; fi
      done
      mount --bind /usr usr; mount --bind /proc proc; mount --rbind /dev dev
      mount --bind ../share share; mount --bind "$1" tool; mount -t tmpfs none out
      mount -o remount,ro .
      exec chroot . /tool/launcher -q --share /share --output /out/x -- sh -c 'if touch /y; then exit 9; fi; echo 1 > /out/x'`;
    const { code, stderr } = await run("unshare", ["-m", "sh", "-c", script, "sh", folder], { cwd: at.folder });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Read-only file system/);
    assert.equal(readFileSync(join(at.share, "outputs", "x"), "utf8"), "1\n");
    assert.ok(has(at, SHARE.done));
  });
});
