/** The tools must not use files of an image that belong to other programs. */
import assert from "node:assert/strict";
import { linkSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { debianProgram } from "../../support/dependencies.ts";
import { DIST } from "../../support/paths.ts";
import { run, runTool, start, toolPath } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { launch, places } from "./launching.ts";

const STRACE = debianProgram("strace", ["strace"]);

/** A tool may open its own files, the libraries, and files that the system shows to every process. */
const EXPECTED = [
  new RegExp(`^${DIST}/(launcher|wait-fs|lib/.*)$`),
  /\.so(\.[\d.]+)?$/,
  /^\/(proc|sys)\//,
  /^\/dev\/(null|tty)$/,
  /^\/etc\/(ld\.so\.(cache|preload)|localtime)$/,
  /^\/usr\/share\/zoneinfo\//,
];

/**
 * Runs a tool. Returns the unexpected files outside of `own` that the tool tried to open. Ignores the child processes
 * of the tool.
 */
async function openedFiles(folder: string, own: string, tool: "launcher" | "wait-fs", args: readonly string[]) {
  const log = join(folder, "strace.log");
  assert.ok("path" in STRACE);
  // In the log, each thread and each child process has its own ID. The first line with execve is the start of the tool.
  // Each later line with execve contains the ID of a child process.
  const traced = ["-f", "-o", log, "-e", "trace=openat,open,execve", toolPath(tool), ...args];
  const { code, stderr } = await run(STRACE.path, traced, { cwd: folder, env: { PATH: "/usr/bin:/bin" } });
  assert.equal(code, 0, stderr);
  const lines = readFileSync(log, "utf8").split("\n");
  const started = lines.filter((line) => line.includes(" execve(")).map((line) => line.split(" ", 1)[0]);
  const paths = lines
    .filter((line) => !started.slice(1).includes(line.split(" ", 1)[0]))
    .flatMap((line) => /\bopen(?:at)?\((?:[^",]+, )?"([^"]+)"/.exec(line)?.[1] ?? []);
  return paths.filter((path) => !path.startsWith(own) && !EXPECTED.some((pattern) => pattern.test(path)));
}

describe("the tools", { timeout: 60_000 }, () => {
  it("work beside translations and packages of another program that are invalid", async (context) => {
    const folder = temporaryFolder(context);
    for (const path of ["app/bin", "app/locales", "locales"]) mkdirSync(join(folder, path), { recursive: true });
    for (const path of ["package.json", "app/package.json", "app/locales/en.json", "locales/en.json"])
      writeFileSync(join(folder, path), "{garbage");
    const launcher = join(folder, "app", "bin", "launcher");
    linkSync(toolPath("launcher"), launcher);
    const args = ["-q", "--share", join(folder, "share"), "--", "sh", "-c", "exit 7"];
    const env = { PATH: process.env.PATH };
    const { code, stderr } = await start(launcher, args, { cwd: join(folder, "app"), env }).ended;
    assert.deepEqual({ code, stderr }, { code: 7, stderr: "" });
  });

  it("open no file that is not theirs", { skip: "missing" in STRACE && STRACE.missing }, async (context) => {
    const folder = temporaryFolder(context);
    const share = join(folder, "share");
    mkdirSync(share);
    assert.deepEqual(await openedFiles(folder, share, "launcher", ["-q", "--share", share, "--", "/bin/true"]), [
      "/bin/true",
    ]);
    assert.deepEqual(await openedFiles(folder, share, "wait-fs", ["-q", "-p", share]), []);
  });
});

describe("a working directory that was deleted", { timeout: 60_000 }, () => {
  const script = (tool: string) =>
    `mkdir gone && cd gone && rmdir ../gone && exec ${toolPath(tool as "launcher")} "$@"`;

  it("does not prevent a command with absolute paths", async (context) => {
    const { folder, share } = places(context);
    const args = ["-q", "--share", share, "--output", join(folder, "out"), "--", "sh", "-c", `echo 1 >${folder}/out`];
    const { code, stderr } = await run("sh", ["-c", script("launcher"), "sh", ...args], { cwd: folder });
    assert.equal(code, 0, stderr);
    assert.equal(readFileSync(join(share, "outputs", "out"), "utf8"), "1\n");
  });

  it("makes a relative path a usage failure with a marker", async (context) => {
    const { folder, share } = places(context);
    const args = ["--share", share, "--output", "out", "--", "true"];
    const { code, stderr } = await run("sh", ["-c", script("launcher"), "sh", ...args], { cwd: folder });
    assert.equal(code, 64);
    assert.match(stderr, /^launcher: "out" is relative, and the working directory does not exist /m);
    const marker = JSON.parse(readFileSync(join(share, "oras-operator-done-failed.txt"), "utf8"));
    assert.match(marker.error, /the working directory does not exist/);
  });

  it("does not prevent wait-fs from waiting for an absolute path", async (context) => {
    const folder = temporaryFolder(context);
    const absolute = await run("sh", ["-c", script("wait-fs"), "sh", "-q", "-p", folder], { cwd: folder });
    assert.equal(absolute.code, 0, absolute.stderr);
    const relative = await run("sh", ["-c", script("wait-fs"), "sh", "-q", "-p", "x"], { cwd: folder });
    assert.equal(relative.code, 64, relative.stderr);
  });
});

describe("an empty variable or value", { timeout: 60_000 }, () => {
  it("is a usage failure on the command line, and not set in the environment", async (context) => {
    const at = places(context);
    const { code, stderr } = await launch(at, ["--share", "", "--", "true"]);
    assert.equal(code, 64);
    assert.match(stderr, /^launcher: --share must not be empty /);
    const env = { ORAS_OUTPUT: "", ORAS_INPUT: "", ORAS_HELP: "true", ORAS_VERSION: "1.2.0", PATH: process.env.PATH };
    assert.equal((await launch(at, ["--", "sh", "-c", "exit 5"], { env })).code, 5);
    assert.equal((await runTool("wait-fs", ["-q", "-p", at.share], { env: { ORAS_VERSION: "true" } })).stdout, "");
  });
});
