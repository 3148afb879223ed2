/** The launcher as the first process of a container, and the signals that it passes on. */
import assert from "node:assert/strict";
import { linkSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { FORWARDED_SIGNALS } from "launcher/process/signals";
import { debianProgram } from "../../../support/parts.ts";
import { type Running, start, startTool, toolPath } from "../../../support/tools.ts";
import { expectStdout } from "../../support/expect.ts";
import { asPid1, PID1_SKIP, pid1Below, startAsPid1 } from "../../support/namespaces.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** An application that says which signals and which input it gets, and ends with 7 at SIGTERM. */
const RECORDER = `
  for (const name of ${JSON.stringify(FORWARDED_SIGNALS)})
    process.on(name, () => { console.log(name); if (name === "SIGTERM") process.exit(7); });
  process.stdin.on("data", (text) => console.log("read " + text.toString().trim()));
  setInterval(() => {}, 1000);
  console.log("ready");
`;
/** What the launcher says of it then. */
const TERMINATED = `launcher: ${process.execPath}: terminated\n`;
const RECORDING = ["--quiet", "--", process.execPath, "-e", RECORDER];

/** tini keeps these two from its child, as it is often in a terminal's background itself. */
const BACKGROUND = ["SIGTTIN", "SIGTTOU"];

function share(context: TestContext): NodeJS.ProcessEnv {
  return { ORAS_SHARE: temporaryFolder(context), PATH: process.env.PATH };
}

/** Sends one signal after the other, each when the one before has arrived, SIGTERM last. */
async function sendAll(
  running: Running,
  target: () => number,
  signals: readonly NodeJS.Signals[],
  said = expectStdout(running),
) {
  await said.until((text) => text.includes("ready"));
  const pid = target();
  for (const signal of signals) {
    process.kill(pid, signal);
    await said.until((text) => text.includes(signal));
  }
  process.kill(pid, "SIGTERM");
  const ended = await running.ended;
  return { code: ended.code, heard: ended.stdout.trim().split(/\r?\n/), stderr: ended.stderr };
}

const WITHOUT_TERM = FORWARDED_SIGNALS.filter((signal) => signal !== "SIGTERM");

describe("signals", { timeout: 60_000 }, () => {
  it("reach the application exactly once, each of them", async (context) => {
    const running = startTool("launcher", RECORDING, { env: share(context) });
    const { code, heard, stderr } = await sendAll(running, () => running.pid, WITHOUT_TERM);
    assert.deepEqual(
      { code, heard, stderr },
      { code: 7, heard: ["ready", ...WITHOUT_TERM, "SIGTERM"], stderr: TERMINATED },
    );
  });
});

describe("as PID 1", { skip: PID1_SKIP, timeout: 60_000 }, () => {
  it("each signal reaches the application exactly once", async (context) => {
    const running = startAsPid1(toolPath("launcher"), RECORDING, share(context));
    const signals = WITHOUT_TERM.filter((signal) => !BACKGROUND.includes(signal));
    const { code, heard, stderr } = await sendAll(running, () => pid1Below(running.pid), signals);
    assert.deepEqual({ code, heard, stderr }, { code: 7, heard: ["ready", ...signals, "SIGTERM"], stderr: TERMINATED });
  });

  it("500 orphans leave no zombies", async (context) => {
    const script = `
      for i in $(seq 500); do (true &); done
      zombies() { grep -ls '^State:.Z' /proc/[0-9]*/status | wc -l; }
      for try in $(seq 50); do [ $(zombies) = 0 ] && break; done
      zombies`;
    const args = ["--quiet", "--", "sh", "-c", script];
    const { code, stdout, stderr } = await startAsPid1(toolPath("launcher"), args, share(context)).ended;
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "0\n", stderr: "" });
  });

  it("the application's arguments and environment are what was given", async (context) => {
    const script = "console.log(JSON.stringify([process.argv.slice(1), Object.keys(process.env).sort()]))";
    const args = ["", " a  b ", "*", "--", "line\nbreak", "--help", "ü"];
    const launched = ["--quiet", "--", process.execPath, "-e", script, "--", ...args];
    const { stdout, code } = await startAsPid1(toolPath("launcher"), launched, share(context)).ended;
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), [args, ["ORAS_SHARE", "PATH"]]);
  });

  it("the marker names the signal that ended the application, and the exit code is 128 + n", async (context) => {
    const env = share(context);
    const { code } = await startAsPid1(toolPath("launcher"), ["--", "sh", "-c", "kill -9 $$"], env).ended;
    const marker = JSON.parse(readFileSync(join(env.ORAS_SHARE as string, "oras-operator-done.txt"), "utf8"));
    assert.deepEqual([code, marker.exitCode, marker.signal], [137, 137, "SIGKILL"]);
  });

  it("an argument that is not UTF-8 is refused, not changed", async (context) => {
    const [program, ...args] = asPid1(toolPath("launcher"), ["--quiet", "--", "echo"]);
    const script = '"$@" "$(printf "\\377")"';
    const { code, stdout, stderr } = await start("sh", ["-c", script, "sh", program, ...args], { env: share(context) })
      .ended;
    assert.deepEqual([code, stdout], [64, ""]);
    assert.match(stderr, /^launcher: an argument is not UTF-8 text/);
  });

  it("a variable that is not UTF-8 is told once", async (context) => {
    const [program, ...args] = asPid1(toolPath("launcher"), ["--quiet", "--", "true"]);
    const script = `export BAD="$(printf '\\377')"; exec "$@"`;
    const { code, stderr } = await start("sh", ["-c", script, "sh", program, ...args], { env: share(context) }).ended;
    assert.equal(code, 0);
    assert.equal(stderr, "launcher: BAD in the environment is not UTF-8 text: the command gets it changed\n");
  });

  it("without tini beside it, it runs all the same and says that orphans are not reaped", async (context) => {
    const launcher = join(temporaryFolder(context), "launcher");
    linkSync(toolPath("launcher"), launcher);
    const { code, stderr } = await startAsPid1(launcher, ["--", "sh", "-c", "exit 3"], share(context)).ended;
    assert.equal(code, 3);
    assert.match(stderr, /^No lib\/tini beside \S+\/launcher, orphans are not reaped$/m);
  });

  const script = debianProgram("script", ["bsdutils"]);
  it("with a terminal, the application reads it and has each signal exactly once, ^C too", {
    skip: "missing" in script && script.missing,
  }, async (context) => {
    const env = { ...share(context), SHELL: "/bin/sh" };
    const command = asPid1(toolPath("launcher"), RECORDING).map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
    const running = start("script", ["-qec", `stty -echo; ${command.join(" ")}`, "/dev/null"], {
      env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const said = expectStdout(running);
    await said.until((text) => text.includes("ready"));
    running.child.stdin?.write("a line\n");
    await said.until((text) => text.includes("read a line"));
    running.child.stdin?.write("\u0003");
    await said.until((text) => text.includes("SIGINT"));
    const others: NodeJS.Signals[] = ["SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"];
    const { code, heard } = await sendAll(running, () => pid1Below(running.pid), others, said);
    // stdout and stderr are one there.
    const all = ["ready", "read a line", "SIGINT", ...others, "SIGTERM", TERMINATED.trim()];
    assert.deepEqual({ code, heard }, { code: 7, heard: all });
  });
});
