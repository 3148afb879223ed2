/** The launcher saves the stdout and stderr of an application. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, createReadStream, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openPipe } from "launcher/process/libc";
import { nextEnd, observe } from "oras-push/sidecar/attempt-end";
import { savedOutputs } from "oras-push/sidecar/saved-outputs";
import { openVolume } from "shared/pod/shared-volume";
import { run, runTool, startTool, toolPath } from "../../../support/tools.ts";
import { waitUntilIdle } from "../../support/idle-process.ts";
import { PID1_SKIP } from "../../support/namespaces.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** Returns the paths of a test, and the options for its launcher. */
function setUp(context: TestContext) {
  const folder = temporaryFolder(context);
  const share = join(folder, "share");
  const file = join(folder, "sub", "out.txt");
  const options = { cwd: folder, env: { ORAS_SHARE: share, PATH: process.env.PATH } };
  const marker = () => JSON.parse(readFileSync(join(share, "oras-operator-done.txt"), "utf8"));
  const log = (name: string) => readFileSync(join(share, "logs", `${name}.log`), "utf8");
  return { folder, share, file, options, marker, log };
}

/** Returns the size of a file. Returns 0 if the file is missing. */
const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

const shell = (script: string, ...options: string[]) => ["--quiet", ...options, "--", "sh", "-c", script];

describe("--output-pipe", { timeout: 240_000 }, () => {
  it("also writes stdout to a file, with a last line that has no newline", async (context) => {
    const { file, options } = setUp(context);
    const { code, stdout, stderr } = await runTool(
      "launcher",
      shell("printf 'a\\nb'; echo c >&2", "--output-pipe", file),
      options,
    );
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "a\nb", stderr: "c\n" });
    assert.equal(readFileSync(file, "utf8"), "a\nb");
  });

  it("copies a gigabyte for a slow reader unchanged and with bounded memory", async (context) => {
    const { file, options } = setUp(context);
    const script = "sh -c 'echo $$ >&2; exec seq 120000000'; grep VmHWM /proc/$PPID/status >&2; printf 'last line'";
    const running = startTool("launcher", shell(script, "--output-pipe", file), {
      ...options,
      stdio: ["ignore", "pipe", "pipe"],
    });
    context.after(() => running.child.kill("SIGKILL"));
    const stdout = running.child.stdout;
    assert.ok(stdout);
    // Without this line, the support code would collect a gigabyte of text in this process.
    stdout.removeAllListeners("data").pause();
    // Reads nothing until the application blocks. If the launcher kept the output in memory, the application would
    // never block.
    const [application] = await once(running.child.stderr as Readable, "data");
    while (sizeOf(file) === 0) await sleep(5);
    await waitUntilIdle(running.pid, Number(application));
    assert.ok(sizeOf(file) < 64 << 20, `${sizeOf(file)} bytes ahead of the reader`);
    const hash = createHash("sha256");
    let size = 0;
    let paused = 0;
    for await (const chunk of stdout.setEncoding("latin1")) {
      hash.update(chunk, "latin1");
      size += chunk.length;
      if (size >> 20 > paused) await sleep(2);
      paused = size >> 20;
    }
    const { code, stderr } = await running.ended;
    assert.equal(code, 0);
    assert.ok(size > 1e9);
    assert.equal(statSync(file).size, size);
    const kept = createHash("sha256");
    await pipeline(createReadStream(file), kept);
    assert.equal(kept.digest("hex"), hash.digest("hex"));
    const peak = Number(/VmHWM:\s+(\d+) kB/.exec(stderr)?.[1]) / 1024;
    context.diagnostic(`${peak.toFixed()} MiB at most`);
    assert.ok(peak < 160, `${peak} MiB`);
  });

  it("lets the application open /dev/stdout, which fails for a socket", async (context) => {
    const { file, options } = setUp(context);
    const { stdout, stderr } = await runTool(
      "launcher",
      shell("echo a > /dev/stdout", "--output-pipe", file, "--logs"),
      options,
    );
    assert.deepEqual({ stdout, stderr }, { stdout: "a\n", stderr: "" });
  });

  for (const [tee, option] of [
    ["without a tee", []],
    ["with a tee", ["--output-pipe", "out.txt"]],
  ] as const)
    it(`ends the application by SIGPIPE if the reader disconnects, ${tee}`, async (context) => {
      const { options, marker } = setUp(context);
      const { readEnd, writeEnd } = openPipe();
      const stdio = ["ignore", writeEnd, "pipe"] as const;
      const running = startTool("launcher", ["--quiet", ...option, "--", "yes"], { ...options, stdio: [...stdio] });
      closeSync(writeEnd);
      const reader = new Socket({ fd: readEnd });
      reader.once("data", () => reader.destroy());
      assert.equal((await running.ended).code, 141);
      assert.equal(marker().signal, "SIGPIPE");
    });

  it("writes the done marker although the reader has stopped, and ends after a second signal", async (context) => {
    const { share, options, marker, file } = setUp(context);
    const { readEnd, writeEnd } = openPipe();
    context.after(() => closeSync(readEnd));
    const running = startTool("launcher", ["--quiet", "--output-pipe", file, "--", "yes"], {
      ...options,
      stdio: ["ignore", writeEnd, "pipe"],
    });
    closeSync(writeEnd);
    // The launcher's stdout is a pipe that nobody reads. This pipe holds 65,536 bytes. If the file contains more bytes
    // than that, the launcher cannot write all of them to its stdout.
    while (!existsSync(file) || statSync(file).size <= 65536) await sleep(5);
    process.kill(running.pid, "SIGTERM");
    assert.equal((await runTool("wait-fs", ["-q", "-p", join(share, "oras-operator-done.txt")])).code, 0);
    assert.equal(marker().exitCode, 143);
    await waitUntilIdle(running.pid);
    process.kill(running.pid, "SIGTERM");
    assert.equal((await running.ended).code, 143);
  });

  for (const holder of ["sleep 600", "yes"])
    it(`loses nothing and does not wait for an escaped process \`${holder}\` that holds stdout`, async (context) => {
      const { file, options } = setUp(context);
      const begin = performance.now();
      const escaped = `setsid sh -c 'touch escaped; exec ${holder}' 2>/dev/null`;
      const script = `seq 100000; ${escaped} & echo $! >&2; until [ -e escaped ]; do :; done; exit 3`;
      const { code, stdout, stderr } = await runTool("launcher", shell(script, "--output-pipe", file), options);
      process.kill(Number(stderr), "SIGKILL");
      assert.equal(code, 3);
      assert.ok(performance.now() - begin < 5000);
      assert.ok(stdout.startsWith(Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join("")));
      assert.ok(stdout === readFileSync(file, "utf8"));
    });

  it("refuses a device or a folder with its path, and does not run the command", async (context) => {
    const { folder, options } = setUp(context);
    mkdirSync(join(folder, "folder"));
    for (const path of ["/dev/null", "folder"]) {
      const { code, stderr } = await runTool("launcher", shell("touch witness", "--output-pipe", path), options);
      assert.equal(code, 73);
      assert.ok(stderr.startsWith(`launcher: cannot write ${path} (`), stderr);
    }
    assert.ok(!existsSync(join(folder, "witness")));
  });

  it("fails if the disk of the file is full, but the application continues", { skip: PID1_SKIP }, async (context) => {
    const { folder, options, share } = setUp(context);
    mkdirSync(join(folder, "small"));
    const launched = [toolPath("launcher"), ...shell("seq 100000", "--output-pipe", "small/out.txt")];
    const script = 'mount -t tmpfs -o size=64k tmpfs small && exec "$@"';
    const args = ["--mount", "sh", "-c", script, "sh", ...launched];
    const { code, stdout, stderr } = await run("unshare", args, options);
    assert.deepEqual(
      { code, size: stdout.length, stderr },
      { code: 74, size: 588_895, stderr: "launcher: cannot write small/out.txt (no space left on device)\n" },
    );
    assert.ok(existsSync(join(share, "oras-operator-done-failed.txt")));
  });
});

describe("--logs", { timeout: 240_000 }, () => {
  it("saves stdout and stderr on the volume, lists them in the done marker, and still prints both", async (context) => {
    const { share, options, marker, log } = setUp(context);
    const script = "echo out; echo err >&2; printf more";
    const { code, stdout, stderr } = await runTool("launcher", shell(script, "--logs"), options);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "out\nmore", stderr: "err\n" });
    assert.deepEqual([log("stdout"), log("stderr")], ["out\nmore", "err\n"]);
    assert.equal(statSync(join(share, "logs", "stdout.log")).mode & 0o777, 0o644);
    assert.deepEqual(marker().logs, [
      { path: "logs/stdout.log", files: 1, bytes: 8 },
      { path: "logs/stderr.log", files: 1, bytes: 4 },
    ]);
  });

  it("replaces the logs of an earlier attempt, and saves those of a failed run", async (context) => {
    const { options, marker, log } = setUp(context);
    await runTool("launcher", shell("seq 1000", "--logs"), options);
    const { code } = await runTool("launcher", shell("echo broken >&2; exit 9", "--logs"), options);
    assert.deepEqual([code, log("stdout"), log("stderr"), marker().exitCode], [9, "", "broken\n", 9]);
  });

  it("lets the sidecar push the logs after the outputs, but no empty log", async (context) => {
    const { share, options } = setUp(context);
    await runTool("launcher", shell("echo x > result; echo text", "--logs", "--output", "result"), options);
    const volume = openVolume(share);
    const end = nextEnd(await observe(volume, async () => ({ kind: "none" })), {
      handled: undefined,
      terminating: false,
    });
    assert.ok(typeof end === "object");
    assert.deepEqual(
      savedOutputs(share, end),
      ["outputs/result", "logs/stdout.log"].map((path) => join(share, path)),
    );
  });
});
