/** The launcher runs as the first process of a container, and forwards signals. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { FORWARDED_SIGNALS } from "launcher/process/signals";
import { debianProgram } from "../../../support/dependencies.ts";
import { type RunningProcess, start, startTool, toolPath } from "../../../support/tools.ts";
import { expectStdout } from "../../support/expect.ts";
import { findPid1, PID1_SKIP, pid1Command, startAsPid1 } from "../../support/namespaces.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** An application that prints the signals and the input that it receives. It exits with 7 after SIGTERM. */
const RECORDER = `
  for (const name of ${JSON.stringify(FORWARDED_SIGNALS)})
    process.on(name, () => { console.log(name); if (name === "SIGTERM") process.exit(7); });
  process.stdin.on("data", (text) => console.log("read " + text.toString().trim()));
  setInterval(() => {}, 1000);
  console.log("ready");
`;
/** The launcher's warning after SIGTERM. */
const TERMINATED = `launcher: ${process.execPath}: terminated\n`;
const RECORDING = ["--quiet", "--", process.execPath, "-e", RECORDER];

function share(context: TestContext): NodeJS.ProcessEnv {
  return { ORAS_SHARE: temporaryFolder(context), PATH: process.env.PATH };
}

/**
 * Sends the signals one after another, and then SIGTERM. Sends each signal only after the signal before it has arrived.
 */
async function sendAll(
  running: RunningProcess,
  target: () => number,
  signals: readonly NodeJS.Signals[],
  output = expectStdout(running),
) {
  await output.until((text) => text.includes("ready"));
  const pid = target();
  for (const signal of signals) {
    process.kill(pid, signal);
    await output.until((text) => text.includes(signal));
  }
  process.kill(pid, "SIGTERM");
  const ended = await running.ended;
  return { code: ended.code, received: ended.stdout.trim().split(/\r?\n/), stderr: ended.stderr };
}

const WITHOUT_TERM = FORWARDED_SIGNALS.filter((signal) => signal !== "SIGTERM");

describe("signals", { timeout: 60_000 }, () => {
  it("arrive at the application exactly once", async (context) => {
    const running = startTool("launcher", RECORDING, { env: share(context) });
    const { code, received, stderr } = await sendAll(running, () => running.pid, WITHOUT_TERM);
    assert.deepEqual(
      { code, received, stderr },
      { code: 7, received: ["ready", ...WITHOUT_TERM, "SIGTERM"], stderr: TERMINATED },
    );
  });
});

describe("the launcher as PID 1", { skip: PID1_SKIP, timeout: 60_000 }, () => {
  it("forwards each signal exactly once", async (context) => {
    const running = startAsPid1(toolPath("launcher"), RECORDING, share(context));
    const { code, received, stderr } = await sendAll(running, () => findPid1(running.pid), WITHOUT_TERM);
    assert.deepEqual(
      { code, received, stderr },
      { code: 7, received: ["ready", ...WITHOUT_TERM, "SIGTERM"], stderr: TERMINATED },
    );
  });

  it("leaves no zombies of 500 orphans", async (context) => {
    const script = `
      for i in $(seq 500); do (true &); done
      zombies() { grep -ls '^State:.Z' /proc/[0-9]*/status | wc -l; }
      for try in $(seq 50); do [ $(zombies) = 0 ] && break; done
      zombies`;
    const args = ["--quiet", "--", "sh", "-c", script];
    const { code, stdout, stderr } = await startAsPid1(toolPath("launcher"), args, share(context)).ended;
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "0\n", stderr: "" });
  });

  it("passes arguments and environment unchanged", async (context) => {
    const script = "console.log(JSON.stringify([process.argv.slice(1), Object.keys(process.env).sort()]))";
    const args = ["", " a  b ", "*", "--", "line\nbreak", "--help", "ü"];
    const launched = ["--quiet", "--", process.execPath, "-e", script, "--", ...args];
    const { stdout, code } = await startAsPid1(toolPath("launcher"), launched, share(context)).ended;
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), [args, ["ORAS_SHARE", "PATH"]]);
  });

  it("exits with 128 + n, and records the signal that ended the application", async (context) => {
    const env = share(context);
    const { code } = await startAsPid1(toolPath("launcher"), ["--", "sh", "-c", "kill -9 $$"], env).ended;
    const marker = JSON.parse(readFileSync(join(env.ORAS_SHARE as string, "oras-operator-done.txt"), "utf8"));
    assert.deepEqual([code, marker.exitCode, marker.signal], [137, 137, "SIGKILL"]);
  });

  it("refuses an argument that is not UTF-8", async (context) => {
    const [program, ...args] = pid1Command(toolPath("launcher"), ["--quiet", "--", "echo"]);
    const script = '"$@" "$(printf "\\377")"';
    const { code, stdout, stderr } = await start("sh", ["-c", script, "sh", program, ...args], { env: share(context) })
      .ended;
    assert.deepEqual([code, stdout], [64, ""]);
    assert.match(stderr, /^launcher: an argument is not UTF-8 text/);
  });

  it("warns once about a variable that is not UTF-8", async (context) => {
    const [program, ...args] = pid1Command(toolPath("launcher"), ["--quiet", "--", "true"]);
    const script = `export BAD="$(printf '\\377')"; exec "$@"`;
    const { code, stderr } = await start("sh", ["-c", script, "sh", program, ...args], { env: share(context) }).ended;
    assert.equal(code, 0);
    assert.equal(
      stderr,
      "launcher: the environment variable BAD is not UTF-8 text: the command receives a changed text\n",
    );
  });

  const script = debianProgram("script", ["bsdutils"]);
  it("lets the application read a terminal and receive each signal exactly once, also ^C", {
    skip: "missing" in script && script.missing,
  }, async (context) => {
    const env = { ...share(context), SHELL: "/bin/sh" };
    // In a container, the first process is the leader of the terminal's session.
    const command = pid1Command("setsid", ["-c", toolPath("launcher"), ...RECORDING]).map(
      (word) => `'${word.replaceAll("'", `'\\''`)}'`,
    );
    const running = start("script", ["-qec", `stty -echo; ${command.join(" ")}`, "/dev/null"], {
      env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const output = expectStdout(running);
    await output.until((text) => text.includes("ready"));
    running.child.stdin?.write("a line\n");
    await output.until((text) => text.includes("read a line"));
    running.child.stdin?.write("\u0003");
    await output.until((text) => text.includes("SIGINT"));
    const others: NodeJS.Signals[] = ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM"];
    const { code, received } = await sendAll(running, () => findPid1(running.pid), others, output);
    // On a terminal, stdout and stderr are one stream.
    const all = ["ready", "read a line", "SIGINT", ...others, "SIGTERM", TERMINATED.trim()];
    assert.deepEqual({ code, received }, { code: 7, received: all });
  });
});
