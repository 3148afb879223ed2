/** The outputs that the launcher saves. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SHARE } from "shared/pod/markers";
import { done, failed, has, launch, places } from "./launching.ts";

describe("outputs", { timeout: 60_000 }, () => {
  it("are saved and recorded from both forms of the command line", async (context) => {
    const at = places(context);
    const script = "mkdir a; echo 1 > a/x; echo 22 > a/.y; echo 333 > b";
    assert.equal((await launch(at, ["--output", "b", "NA", "a", "sh", "-c", script])).code, 0);
    assert.deepEqual(done(at).outputs, [
      { path: "outputs/a", files: 2, bytes: 5 },
      { path: "outputs/b", files: 1, bytes: 4 },
    ]);
    assert.deepEqual(readdirSync(join(at.share, "outputs")).sort(), ["a", "b"]);
  });

  it("are saved for each --output", async (context) => {
    const at = places(context);
    const args = ["--output", "a", "--output", "b", "--output", "c", "--", "touch", "a", "b", "c"];
    assert.equal((await launch(at, args)).code, 0);
    assert.deepEqual(readdirSync(join(at.share, "outputs")).sort(), ["a", "b", "c"]);
  });

  it("are not copied if they are on the shared volume", async (context) => {
    const at = places(context);
    const script = "mkdir -p share/results; echo 1 > share/results/x";
    assert.equal((await launch(at, ["--output", "share/results", "--", "sh", "-c", script])).code, 0);
    assert.deepEqual(done(at).outputs, [{ path: "results", files: 1, bytes: 2 }]);
    assert.ok(!has(at, "outputs"));
  });

  it("of a failed command are saved, and its exit code is kept", async (context) => {
    const at = places(context);
    assert.equal((await launch(at, ["--output", "a", "--", "sh", "-c", "echo 1 > a; exit 5"])).code, 5);
    assert.equal(done(at).exitCode, 5);
    assert.deepEqual(done(at).outputs, [{ path: "outputs/a", files: 1, bytes: 2 }]);
  });

  it("end the launcher with 66 and a failure marker if one is missing", async (context) => {
    const at = places(context);
    const { code, stderr } = await launch(at, ["--output", "a", "--", "true"]);
    assert.equal(code, 66);
    assert.equal(stderr, "launcher: missing output a (the command did not write it)\n");
    assert.ok(!has(at, SHARE.done));
    assert.equal(failed(at).error, "missing output a (the command did not write it)");
    assert.equal(failed(at).phase, "copy");
    assert.equal(failed(at).exitCode, 0);
  });

  it("are skipped with a warning if they are FIFOs, and missing if nothing else was saved", async (context) => {
    const at = places(context);
    const command = ["--", "sh", "-c", "mkfifo a.fifo; touch a.txt"];
    const alone = await launch(at, ["--output", "a.fifo", ...command]);
    assert.equal(alone.code, 66);
    assert.match(alone.stderr, /^launcher: skipped a\.fifo: it is a FIFO\nlauncher: missing output a\.fifo /);
    rmSync(join(at.folder, "a.fifo"));
    const matched = await launch(at, ["--output", "a.*", ...command]);
    assert.equal(matched.code, 0);
    assert.equal(matched.stderr, "launcher: skipped a.fifo: it is a FIFO\n");
    assert.deepEqual(done(at).outputs, [{ path: "outputs/a.txt", files: 1, bytes: 0 }]);
  });

  it("may be missing with --allow-missing-output", async (context) => {
    const at = places(context);
    const { code, stderr } = await launch(at, ["--allow-missing-output", "--output", "a", "--", "true"]);
    assert.equal(code, 0);
    assert.equal(stderr, "launcher: missing output a\n");
    assert.deepEqual(done(at).outputs, []);
  });

  it("do not replace the exit code of a failed command if one is missing", async (context) => {
    const at = places(context);
    const args = ["--output", "a", "--output", "b", "--", "sh", "-c", "touch b; exit 5"];
    const { code, stderr } = await launch(at, args);
    assert.equal(code, 5);
    assert.equal(stderr, "launcher: missing output a\n");
    assert.deepEqual(done(at).outputs, [{ path: "outputs/b", files: 1, bytes: 0 }]);
  });

  it("keep relative symbolic links, and skip FIFOs and sockets with a warning", async (context) => {
    const at = places(context);
    const out = join(at.folder, "out");
    mkdirSync(out);
    symlinkSync("../x/y", join(out, "link"));
    const server = createServer().listen(join(out, "socket"));
    await once(server, "listening");
    const { code, stderr } = await launch(at, ["--output", "out", "--", "mkfifo", "out/fifo"]);
    server.close();
    assert.equal(code, 0);
    const warnings = [`launcher: skipped ${out}/fifo: it is a FIFO`, `launcher: skipped ${out}/socket: it is a socket`];
    assert.deepEqual(stderr.trimEnd().split("\n").sort(), warnings);
    assert.deepEqual(readdirSync(join(at.share, "outputs", "out")), ["link"]);
    assert.equal(readlinkSync(join(at.share, "outputs", "out", "link")), "../x/y");
  });

  for (const output of [".", "share", "share/logs/x", `share/${SHARE.done}`])
    it(`are refused with 64 and a hint before the command runs: ${output}`, async (context) => {
      const at = places(context);
      const { code, stderr } = await launch(at, ["--output", output, "--", "touch", "ran"]);
      assert.equal(code, 64);
      assert.match(stderr, /^launcher: the output .* (contains the shared volume|belongs to the tools).*\nhint: .*\n$/);
      assert.deepEqual(readdirSync(at.folder), ["share"]);
      assert.equal(failed(at).phase, "init");
    });

  it("do not contain the tools' own files if a pattern matches the whole volume", async (context) => {
    const at = places(context);
    assert.equal((await launch(at, ["--output", "share/*", "--", "sh", "-c", "echo 1 > share/a"])).code, 0);
    assert.deepEqual(done(at).outputs, [{ path: "a", files: 1, bytes: 2 }]);
  });

  it("are all saved if one cannot be saved, and the marker names the missing ones", async (context) => {
    const at = places(context);
    const script = "mkdir out run1 run2; echo 1 > out/x; echo 1 > run1/log; echo 2 > run2/log; ln -s none link.x";
    const args = ["--output", "out", "--output", "run*/log", "--output", "*.x", "--output", "none"];
    const { code, stderr } = await launch(at, [...args, "--", "sh", "-c", script]);
    assert.equal(code, 66);
    assert.match(stderr, /^launcher: two outputs are named "log" .*\nlauncher: missing output link\.x .*\n/);
    const { phase, outputs, missing, missingCount } = failed(at);
    assert.deepEqual([phase, outputs?.map(({ path }) => path)], ["copy", ["outputs/out", "outputs/log"]]);
    assert.deepEqual([missing?.map(({ path }) => path), missingCount], [["run2/log", "link.x", "none"], 3]);
  });

  it("are saved as one folder if a pattern matches thousands of files", async (context) => {
    const at = places(context);
    const script = "mkdir data; cd data; seq -f %g.dat 2000 | xargs touch";
    assert.equal((await launch(at, ["--output", "data/*.dat", "--", "sh", "-c", script])).code, 0);
    const [record, ...rest] = done(at).outputs ?? [];
    assert.match(String(record?.path), /^outputs\/\.saved-.*\/data$/);
    assert.deepEqual([record?.files, rest], [2000, []]);
  });
});

describe("markers of an earlier attempt", { timeout: 30_000 }, () => {
  it("are removed before the command runs", async (context) => {
    const at = places(context);
    const names = [SHARE.done, SHARE.doneFailed, SHARE.pushed, SHARE.pushFailed];
    for (const name of names) writeFileSync(join(at.share, name), '{"attempt": "old", "exitCode": 0}');
    const { code, stdout } = await launch(at, ["--", "ls", "share"]);
    assert.equal(code, 0);
    assert.equal(stdout, `${SHARE.init}\n${SHARE.lease}\n${SHARE.started}\n`);
    assert.notEqual(done(at).attempt, "old");
  });

  it("are replaced by markers with a new attempt ID at each start", async (context) => {
    const at = places(context);
    await launch(at, ["--", "true"]);
    const { attempt } = done(at);
    await launch(at, ["--", "true"]);
    assert.notEqual(done(at).attempt, attempt);
  });
});
