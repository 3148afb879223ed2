/** The built executable. */
import assert from "node:assert/strict";
import { type SpawnOptions, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunningProcess, runTool, start, startTool, toolPath } from "../../support/tools.ts";
import { waitUntilIdle } from "../support/idle-process.ts";
import { temporaryFolder } from "../support/temporary.ts";

const FORM = "wait-fs [options] -p PATH [-p PATH ...]";
const NEVER = ["-w", "1000"];

/** Resolves when a process has written a text to stderr. */
async function says(running: RunningProcess, part: string): Promise<void> {
  assert.ok(running.child.stderr);
  let text = "";
  for (;;) {
    const [chunk] = await once(running.child.stderr, "data");
    text += String(chunk);
    if (text.includes(part)) return;
  }
}

/** Starts `wait-fs`, and resolves when the tool has found that the path is missing. */
async function startWait(args: readonly string[], options: SpawnOptions = {}): Promise<RunningProcess> {
  const running = startTool("wait-fs", args, options);
  await says(running, "does not exist yet");
  return running;
}

describe("wait-fs", { timeout: 60_000 }, () => {
  it("exits with 0 if the path exists, and writes a dated log to stderr", async (context) => {
    const folder = temporaryFolder(context);
    const { code, stdout, stderr } = await runTool("wait-fs", ["-p", folder]);
    assert.equal(code, 0);
    assert.equal(stdout, "");
    const prefix = /^🟧️ {2}wait-fs: \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /;
    const lines = stderr.trimEnd().split("\n");
    assert.deepEqual(
      lines.map((line) => line.replace(prefix, "> ")),
      [`> ${folder}`, `> Found existing path ${folder}`],
    );
  });

  it("writes no log with -q, and prints the existing paths with --json", async (context) => {
    const folder = temporaryFolder(context);
    const { code, stdout, stderr } = await runTool("wait-fs", ["-q", "--json", "-p", folder]);
    assert.deepEqual(
      { code, stdout, stderr },
      { code: 0, stdout: `${JSON.stringify({ found: [folder] })}\n`, stderr: "" },
    );
  });

  it("exits with 0 when the path appears", async (context) => {
    const path = join(temporaryFolder(context), "marker");
    const running = await startWait(["-p", path, ...NEVER]);
    writeFileSync(path, "");
    assert.equal((await running.ended).code, 0);
  });

  it("takes paths relative to the working directory", async (context) => {
    const folder = temporaryFolder(context);
    const running = await startWait(["-p", "share/marker", ...NEVER], { cwd: folder });
    mkdirSync(join(folder, "share"));
    writeFileSync(join(folder, "share", "marker"), "");
    assert.equal((await running.ended).code, 0);
  });

  it("waits for all paths", async (context) => {
    const folder = temporaryFolder(context);
    writeFileSync(join(folder, "b"), "");
    const args = ["-p", join(folder, "a"), "-p", join(folder, "b"), ...NEVER];
    const late = await runTool("wait-fs", [...args, "--timeout", "0.2"]);
    assert.equal(late.code, 124);
    const running = await startWait(args);
    writeFileSync(join(folder, "a"), "");
    assert.equal((await running.ended).code, 0);
  });

  it("waits for one path with --any", async (context) => {
    const folder = temporaryFolder(context);
    const args = ["--any", "--json", "-p", join(folder, "none"), "-p", folder];
    const { code, stdout } = await runTool("wait-fs", args);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { found: [folder] });
  });

  it("exits with 124 after --timeout, and names the missing path", async (context) => {
    const folder = temporaryFolder(context);
    const path = join(folder, "marker");
    const { code, stderr } = await runTool("wait-fs", ["-q", "-p", folder, "-p", path, "--timeout", "0.3"]);
    assert.equal(code, 124);
    assert.equal(stderr, `wait-fs: ${path}: timed out after 0.3 s\n`);
  });

  it("checks once with --timeout 0", async (context) => {
    const folder = temporaryFolder(context);
    assert.equal((await runTool("wait-fs", ["-q", "-p", folder, "--timeout", "0"])).code, 0);
    assert.equal((await runTool("wait-fs", ["-q", "-p", join(folder, "x"), "--timeout", "0"])).code, 124);
  });

  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
    ["SIGHUP", 129],
  ] as const)
    it(`exits with ${code} after ${signal}`, async (context) => {
      const running = await startWait(["-p", join(temporaryFolder(context), "marker"), ...NEVER]);
      running.child.kill(signal);
      const ended = await running.ended;
      assert.equal(ended.code, code);
      assert.match(ended.stderr, new RegExp(`\nwait-fs: ended by ${signal}\n$`));
    });

  it("takes options from the environment", async (context) => {
    const folder = temporaryFolder(context);
    const env = {
      ORAS_PATH: `${folder}\n${join(folder, "none")}`,
      ORAS_ANY: "true",
      ORAS_QUIET: "1",
      ORAS_JSON: "yes",
    };
    const { code, stdout, stderr } = await runTool("wait-fs", [], { env });
    assert.deepEqual(
      { code, stdout, stderr },
      { code: 0, stdout: `${JSON.stringify({ found: [folder] })}\n`, stderr: "" },
    );
  });
});

describe("wait-fs without a watch", { timeout: 30_000 }, () => {
  const limits = { max_inotify_instances: "instance", max_inotify_watches: "watch" };
  for (const [limit, name] of Object.entries(limits))
    it(`polls if no inotify ${name} is left`, { skip: noUserNamespace(limit) }, async (context) => {
      const path = join(temporaryFolder(context), "marker");
      const running = start("unshare", withoutInotify(limit, [toolPath("wait-fs"), "-p", path, "-w", "0.1"]));
      await says(running, "cannot watch, polling instead");
      // After this message, the failed watch can still report a change. If the path existed at that moment, wait-fs
      // would find it without polling. Therefore, the test creates the path later, when wait-fs is idle.
      await waitUntilIdle(running.pid);
      writeFileSync(path, "");
      assert.equal((await running.ended).code, 0);
    });

  it("times out, and exits after SIGTERM", { skip: noUserNamespace("max_inotify_instances") }, async (context) => {
    const path = join(temporaryFolder(context), "marker");
    const command = (...args: string[]) =>
      withoutInotify("max_inotify_instances", [toolPath("wait-fs"), "-p", path, ...args]);
    const late = await start("unshare", command("--timeout", "0.3")).ended;
    assert.equal(late.code, 124);
    const running = start("unshare", command());
    await says(running, "cannot watch, polling instead");
    running.child.kill("SIGTERM");
    assert.equal((await running.ended).code, 143);
  });
});

/** The arguments of `unshare` that run a command in a user namespace with an inotify limit of 0. */
function withoutInotify(limit: string, command: readonly string[]): string[] {
  return ["-Ur", "sh", "-c", `echo 0 > /proc/sys/user/${limit} && exec "$@"`, "sh", ...command];
}

function noUserNamespace(limit: string): string | false {
  const { status } = spawnSync("unshare", withoutInotify(limit, ["true"]));
  return status === 0 ? false : "user namespaces are not allowed here";
}

describe("the command line of wait-fs", { timeout: 30_000 }, () => {
  const invalid: readonly [string, readonly string[], NodeJS.ProcessEnv, string][] = [
    ["no path", [], {}, "no path to wait for"],
    ["an empty path", ["-p", ""], {}, "--path must not be empty"],
    ["a -p without a value", ["-p"], {}, "-p needs a value"],
    ["an argument", ["-p", "/", "x"], {}, 'unexpected argument "x"'],
    ["an argument of two lines", ["-p", "/", "x\nwait-fs: y"], {}, 'unexpected argument "x\\nwait-fs: y"'],
    ["an unknown option", ["--nonsense", "-p", "/"], {}, "unknown option --nonsense"],
    ["a poll of 0 s", ["-p", "/", "-w", "0"], {}, '--wait must be more than 0, not "0"'],
    ["a negative poll", ["-p", "/", "-w", "-1"], {}, '--wait must be more than 0, not "-1"'],
    ["a poll that is no number", ["-p", "/", "-w", "5s"], {}, '--wait must be a number, not "5s"'],
    ["a time-out that is no number", ["-p", "/", "--timeout", "x"], {}, '--timeout must be a number, not "x"'],
    ["a flag with a value", ["-p", "/", "--any=1"], {}, "--any takes no value"],
    ["a bad variable", ["-p", "/"], { ORAS_TIMEOUT: "1 h" }, 'ORAS_TIMEOUT must be a number, not "1 h"'],
  ];
  for (const [name, args, env, what] of invalid)
    it(`is refused with exit code 64 and the valid form for ${name}`, async () => {
      const { code, stdout, stderr } = await runTool("wait-fs", args, { env });
      assert.deepEqual(
        { code, stdout, stderr },
        { code: 64, stdout: "", stderr: `wait-fs: ${what} (usage: ${FORM})\n` },
      );
    });

  it("shows the form and the exit codes on stdout with --help", async () => {
    const { code, stdout, stderr } = await runTool("wait-fs", ["--help"]);
    assert.equal(code, 0);
    assert.equal(stderr, "");
    assert.ok(stdout.includes(FORM));
    assert.match(stdout, /Exit codes:\n {2}0 +the paths exist\n {2}64 +usage error\n/);
    assert.match(
      stdout,
      /\n {2}79 +the launcher ended before the awaited paths existed \(--alive\)\n {2}124 +timed out\n/,
    );
  });

  it("shows the name and the version with --version", async () => {
    const { code, stdout } = await runTool("wait-fs", ["--version"]);
    assert.equal(code, 0);
    assert.match(stdout, /^wait-fs \d+\.\d+\.\d+\n$/);
  });
});

describe("the reaction time of wait-fs", { timeout: 60_000 }, () => {
  it("is less than 50 ms from the marker to the end of the process, in the median of 50 runs", async (context) => {
    const folder = temporaryFolder(context);
    const times: number[] = [];
    for (let batch = 0; batch < 10; batch++) {
      const paths = Array.from({ length: 5 }, (_, index) => join(folder, `${batch}-${index}`));
      const waits = await Promise.all(paths.map((path) => startWait(["-p", path, ...NEVER])));
      await sleep(100);
      for (const [index, { child, ended }] of waits.entries()) {
        const exit = once(child, "exit");
        const written = performance.now();
        writeFileSync(paths[index] ?? "", "");
        await exit;
        times.push(performance.now() - written);
        assert.equal((await ended).code, 0);
      }
    }
    times.sort((a, b) => a - b);
    const [median = Number.NaN, slowest = Number.NaN] = [times[25], times[49]];
    context.diagnostic(`median ${median.toFixed(1)} ms, slowest ${slowest.toFixed(1)} ms`);
    assert.ok(median < 50, `${median} ms`);
  });
});
