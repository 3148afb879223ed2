/** The built executable. */
import assert from "node:assert/strict";
import { type SpawnOptions, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Running, runTool, start, startTool, toolPath } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";

const FORM = "wait-fs -p PATH [-p PATH ...] [-w SECONDS] [--timeout SECONDS] [--any] [--alive SOCKET] [-q]";
const NEVER = ["-w", "1000"];

/** Resolves once a process has said something on stderr. */
async function says(running: Running, part: string): Promise<void> {
  assert.ok(running.child.stderr);
  let text = "";
  for (;;) {
    const [chunk] = await once(running.child.stderr, "data");
    text += String(chunk);
    if (text.includes(part)) return;
  }
}

/** Starts a wait and resolves once it has found out that the path is not there. */
async function startWait(args: readonly string[], options: SpawnOptions = {}): Promise<Running> {
  const running = startTool("wait-fs", args, options);
  await says(running, "does not exist yet");
  return running;
}

describe("wait-fs", { timeout: 60_000 }, () => {
  it("ends with 0 where the path exists, its log on stderr with date and time", async (context) => {
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

  it("is quiet with -q, and prints what it found with --json", async (context) => {
    const folder = temporaryFolder(context);
    const { code, stdout, stderr } = await runTool("wait-fs", ["-q", "--json", "-p", folder]);
    assert.deepEqual(
      { code, stdout, stderr },
      { code: 0, stdout: `${JSON.stringify({ found: [folder] })}\n`, stderr: "" },
    );
  });

  it("ends with 0 once the path appears", async (context) => {
    const path = join(temporaryFolder(context), "marker");
    const running = await startWait(["-p", path, ...NEVER]);
    writeFileSync(path, "");
    assert.equal((await running.ended).code, 0);
  });

  it("a path is relative to the working directory", async (context) => {
    const folder = temporaryFolder(context);
    const running = await startWait(["-p", "share/marker", ...NEVER], { cwd: folder });
    mkdirSync(join(folder, "share"));
    writeFileSync(join(folder, "share", "marker"), "");
    assert.equal((await running.ended).code, 0);
  });

  it("waits for every one of several paths", async (context) => {
    const folder = temporaryFolder(context);
    writeFileSync(join(folder, "b"), "");
    const args = ["-p", join(folder, "a"), "-p", join(folder, "b"), ...NEVER];
    const late = await runTool("wait-fs", [...args, "--timeout", "0.2"]);
    assert.equal(late.code, 124);
    const running = await startWait(args);
    writeFileSync(join(folder, "a"), "");
    assert.equal((await running.ended).code, 0);
  });

  it("with --any one path is enough", async (context) => {
    const folder = temporaryFolder(context);
    const args = ["--any", "--json", "-p", join(folder, "none"), "-p", folder];
    const { code, stdout } = await runTool("wait-fs", args);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { found: [folder] });
  });

  it("--timeout ends it with 124 and one line that names what is not there", async (context) => {
    const folder = temporaryFolder(context);
    const path = join(folder, "marker");
    const { code, stderr } = await runTool("wait-fs", ["-q", "-p", folder, "-p", path, "--timeout", "0.3"]);
    assert.equal(code, 124);
    assert.equal(stderr, `wait-fs: ${path}: timed out after 0.3 s\n`);
  });

  it("--timeout 0 looks once", async (context) => {
    const folder = temporaryFolder(context);
    assert.equal((await runTool("wait-fs", ["-q", "-p", folder, "--timeout", "0"])).code, 0);
    assert.equal((await runTool("wait-fs", ["-q", "-p", join(folder, "x"), "--timeout", "0"])).code, 124);
  });

  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
    ["SIGHUP", 129],
  ] as const)
    it(`${signal} ends it with ${code}`, async (context) => {
      const running = await startWait(["-p", join(temporaryFolder(context), "marker"), ...NEVER]);
      running.child.kill(signal);
      const ended = await running.ended;
      assert.equal(ended.code, code);
      assert.match(ended.stderr, new RegExp(`\nwait-fs: ended by ${signal}\n$`));
    });

  it("takes its options from the environment", async (context) => {
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

describe("wait-fs that cannot watch", { timeout: 30_000 }, () => {
  const limits = { max_inotify_instances: "instance", max_inotify_watches: "watch" };
  for (const [limit, name] of Object.entries(limits))
    it(`polls where no inotify ${name} is left`, { skip: noUserNamespace(limit) }, async (context) => {
      const path = join(temporaryFolder(context), "marker");
      const running = start("unshare", withoutInotify(limit, [toolPath("wait-fs"), "-p", path, "-w", "0.1"]));
      await says(running, "watching is not possible, polling instead");
      // What the watch still reports while it gives up is no polling.
      await sleep(500);
      writeFileSync(path, "");
      assert.equal((await running.ended).code, 0);
    });

  it("times out and ends by SIGTERM as ever", { skip: noUserNamespace("max_inotify_instances") }, async (context) => {
    const path = join(temporaryFolder(context), "marker");
    const command = (...args: string[]) =>
      withoutInotify("max_inotify_instances", [toolPath("wait-fs"), "-p", path, ...args]);
    const late = await start("unshare", command("--timeout", "0.3")).ended;
    assert.equal(late.code, 124);
    const running = start("unshare", command());
    await says(running, "watching is not possible");
    running.child.kill("SIGTERM");
    assert.equal((await running.ended).code, 143);
  });
});

/** The arguments of `unshare` that run a command in a user namespace whose limit of inotify is 0. */
function withoutInotify(limit: string, command: readonly string[]): string[] {
  return ["-Ur", "sh", "-c", `echo 0 > /proc/sys/user/${limit} && exec "$@"`, "sh", ...command];
}

function noUserNamespace(limit: string): string | false {
  const { status } = spawnSync("unshare", withoutInotify(limit, ["true"]));
  return status === 0 ? false : "user namespaces are not allowed here";
}

describe("wait-fs and its usage", { timeout: 30_000 }, () => {
  const refused: readonly [string, readonly string[], NodeJS.ProcessEnv, string][] = [
    ["no path", [], {}, "no path to wait for"],
    ["an empty path", ["-p", ""], {}, "a path is empty"],
    ["a -p without a value", ["-p"], {}, "option p needs a value"],
    ["an argument", ["-p", "/", "x"], {}, 'unexpected argument "x"'],
    ["an argument of two lines", ["-p", "/", "x\nwait-fs: y"], {}, 'unexpected argument "x\\nwait-fs: y"'],
    ["an unknown option", ["--nonsense", "-p", "/"], {}, "unknown option: nonsense"],
    ["a poll of 0 s", ["-p", "/", "-w", "0"], {}, "--wait is more than 0 seconds"],
    ["a poll that is no number", ["-p", "/", "-w", "5s"], {}, '--wait is a number, not "5s"'],
    ["a time-out that is no number", ["-p", "/", "--timeout", "x"], {}, '--timeout is a number, not "x"'],
    ["a flag with a value", ["-p", "/", "--any=1"], {}, "option any takes no value"],
    ["a bad variable", ["-p", "/"], { ORAS_TIMEOUT: "1 h" }, 'ORAS_TIMEOUT is a number, not "1 h"'],
  ];
  for (const [name, args, env, what] of refused)
    it(`${name} ends it with 64 and one line with the right form`, async () => {
      const { code, stdout, stderr } = await runTool("wait-fs", args, { env });
      assert.deepEqual(
        { code, stdout, stderr },
        { code: 64, stdout: "", stderr: `wait-fs: ${what} (usage: ${FORM})\n` },
      );
    });

  it("--help shows the form and every exit code on stdout", async () => {
    const { code, stdout, stderr } = await runTool("wait-fs", ["--help"]);
    assert.equal(code, 0);
    assert.equal(stderr, "");
    assert.ok(stdout.includes(FORM));
    assert.match(stdout, /Exit codes: 0 found, 64 usage, 79 the launcher ended first .*, 124 timed out/);
  });

  it("--version is the name and a version", async () => {
    const { code, stdout } = await runTool("wait-fs", ["--version"]);
    assert.equal(code, 0);
    assert.match(stdout, /^wait-fs \d+\.\d+\.\d+\n$/);
  });
});

describe("the reaction time of wait-fs", { timeout: 60_000 }, () => {
  it("from the marker to the end of the process takes less than 50 ms, the median of 50 runs", async (context) => {
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
