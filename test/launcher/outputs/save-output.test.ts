import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { OutputFailures } from "launcher/outputs/output-failures";
import { saveOutput as save, saveTogether } from "launcher/outputs/save-output";
import { ToolError } from "shared/cli/tool-error";
import { temporaryFolder } from "../../support/temporary.ts";

const warn = (message: string) => assert.fail(message);

/** Saves an output, and throws the first failure. */
function saveOutput(share: string, path: string, warn: (message: string) => void) {
  const thrown = (_: string, failure: ToolError | string | undefined) => {
    throw failure;
  };
  return save(path, { share, warn, failures: { failed: thrown, missing: thrown } });
}

function places(context: { after(clean: () => void): void }) {
  const folder = temporaryFolder(context);
  const share = join(folder, "share");
  const output = join(folder, "analysis");
  mkdirSync(share);
  mkdirSync(output);
  return { folder, share, output, saved: join(share, "outputs", "analysis") };
}

function fails(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ToolError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

describe("saveOutput", () => {
  it("copies a folder under its name to the outputs folder, readable for all users", async (context) => {
    const { share, output, saved } = places(context);
    writeFileSync(join(output, "file"), "12");
    chmodSync(join(output, "file"), 0o600);
    chmodSync(output, 0o700);
    assert.deepEqual(await saveOutput(share, output, warn), [{ path: "outputs/analysis", files: 1, bytes: 2 }]);
    assert.equal(statSync(saved).mode & 0o7777, 0o755);
    assert.equal(statSync(join(saved, "file")).mode & 0o7777, 0o644);
    assert.equal(statSync(join(share, "outputs")).mode & 0o7777, 0o777);
    assert.deepEqual(readdirSync(join(share, "outputs")), ["analysis"]);
  });

  it("copies a file", async (context) => {
    const { folder, share } = places(context);
    writeFileSync(join(folder, "lammps.out"), "123");
    const records = await saveOutput(share, join(folder, "lammps.out"), warn);
    assert.deepEqual(records, [{ path: "outputs/lammps.out", files: 1, bytes: 3 }]);
    assert.equal(readFileSync(join(share, "outputs", "lammps.out"), "utf8"), "123");
  });

  it("replaces the whole copy of an earlier attempt", async (context) => {
    const { share, output, saved } = places(context);
    mkdirSync(saved, { recursive: true });
    writeFileSync(join(saved, "stale"), "");
    writeFileSync(join(output, "fresh"), "");
    await saveOutput(share, output, warn);
    assert.deepEqual(readdirSync(saved), ["fresh"]);
    assert.deepEqual(readdirSync(join(share, "outputs")), ["analysis"]);
  });

  it("replaces a folder by a file, and a file by a folder", async (context) => {
    const { folder, share, output, saved } = places(context);
    await saveOutput(share, output, warn);
    const file = join(folder, "other", "analysis");
    mkdirSync(join(folder, "other"));
    writeFileSync(file, "");
    await saveOutput(share, file, warn);
    assert.ok(statSync(saved).isFile());
    await saveOutput(share, output, warn);
    assert.ok(statSync(saved).isDirectory());
  });

  it("copies the target of a symbolic link under the name of the link", async (context) => {
    const { folder, share, output } = places(context);
    writeFileSync(join(output, "file"), "");
    symlinkSync(output, join(folder, "latest"));
    const records = await saveOutput(share, join(folder, "latest"), warn);
    assert.deepEqual(records, [{ path: "outputs/latest", files: 1, bytes: 0 }]);
    assert.ok(statSync(join(share, "outputs", "latest")).isDirectory());
  });

  it("returns undefined for a missing path, and reports a dangling link as missing", async (context) => {
    const { folder, share } = places(context);
    symlinkSync("nothing", join(folder, "link"));
    assert.equal(await saveOutput(share, join(folder, "none"), warn), undefined);
    const failures = new OutputFailures(true, warn);
    assert.deepEqual(await save(join(folder, "link"), { share, warn, failures }), []);
    assert.deepEqual(failures.named, [
      { path: join(folder, "link"), reason: `missing output ${folder}/link (it is a broken link to nothing)` },
    ]);
    assert.ok(!existsSync(join(share, "outputs")));
  });

  it("does not copy an output on the shared volume, also if its path leads through a link", async (context) => {
    const { folder, share } = places(context);
    mkdirSync(join(share, "results"));
    writeFileSync(join(share, "results", "file"), "1");
    symlinkSync("share", join(folder, "volume"));
    for (const path of [join(share, "results"), join(folder, "volume", "results")])
      assert.deepEqual(await saveOutput(share, path, warn), [{ path: "results", files: 1, bytes: 1 }]);
    assert.deepEqual(readdirSync(share), ["results"]);
  });

  it("returns the content of the outputs folder without dotfiles for the folder itself", async (context) => {
    const { share } = places(context);
    mkdirSync(join(share, "outputs", "a"), { recursive: true });
    writeFileSync(join(share, "outputs", "b"), "12");
    writeFileSync(join(share, "outputs", ".old"), "");
    const records = await saveOutput(share, join(share, "outputs"), warn);
    assert.deepEqual(records, [
      { path: "outputs/a", files: 0, bytes: 0 },
      { path: "outputs/b", files: 1, bytes: 2 },
    ]);
  });

  it("refuses an output that contains the shared volume", async (context) => {
    const { folder, share } = places(context);
    for (const path of [share, folder, "/"])
      await assert.rejects(saveOutput(share, path, warn), fails("copyFailed", /contains the shared volume/));
  });

  it("fails with the path if a part of it is a file", async (context) => {
    const { folder, share } = places(context);
    writeFileSync(join(folder, "file"), "");
    await assert.rejects(
      saveOutput(share, join(folder, "file", "x"), warn),
      fails("noInput", /^cannot read .*file\/x$/),
    );
  });

  it("warns about a skipped FIFO, and saves the rest", async (context) => {
    const { share, output, saved } = places(context);
    execFileSync("mkfifo", [join(output, "fifo")]);
    writeFileSync(join(output, "file"), "");
    const warnings: string[] = [];
    await saveOutput(share, output, (message) => warnings.push(message));
    assert.deepEqual(warnings, [`skipped ${join(output, "fifo")}: it is a FIFO`]);
    assert.deepEqual(readdirSync(saved), ["file"]);
  });

  it("keeps the earlier copy and no partial one if the copy fails", async (context) => {
    const { share, output, saved } = places(context);
    writeFileSync(join(output, "file"), "earlier");
    await saveOutput(share, output, warn);
    const failing = () => {
      throw new ToolError("copyFailed", "cannot write x");
    };
    execFileSync("mkfifo", [join(output, "fifo")]);
    writeFileSync(join(output, "file"), "later");
    await assert.rejects(saveOutput(share, output, failing), fails("copyFailed", /^cannot write x$/));
    assert.equal(readFileSync(join(saved, "file"), "utf8"), "earlier");
    assert.deepEqual(readdirSync(join(share, "outputs")), ["analysis"]);
  });

  it("reports each file that cannot be read, and saves the rest", {
    skip: process.getuid?.() === 0,
  }, async (context) => {
    const { share, output, saved } = places(context);
    writeFileSync(join(output, "closed"), "");
    chmodSync(join(output, "closed"), 0);
    writeFileSync(join(output, "file"), "12");
    const failures = new OutputFailures(true, warn);
    const records = await save(output, { share, warn, failures });
    assert.deepEqual(records, [{ path: "outputs/analysis", files: 1, bytes: 2 }]);
    assert.deepEqual(readdirSync(saved), ["file"]);
    assert.equal(failures.summary()?.message, `cannot read ${output}/closed`);
  });

  it("reports a path that is too long for the copy, and saves the rest", async (context) => {
    const { share, output, saved } = places(context);
    const deep = "d".repeat(250);
    // The kernel accepts paths of at most 4095 bytes. The deepest path in the output is short enough, but the path of
    // its copy is too long.
    const depth = Math.floor((4095 - output.length) / 251);
    execFileSync("sh", ["-c", `for i in $(seq ${depth}); do mkdir ${deep} && cd -P ${deep}; done`], { cwd: output });
    writeFileSync(join(output, "file"), "12");
    const place = join(share, "e".repeat(255));
    mkdirSync(place);
    const failures = new OutputFailures(true, warn);
    const records = await save(output, { share: place, warn, failures });
    assert.deepEqual(records, [{ path: "outputs/analysis", files: 1, bytes: 2 }]);
    assert.ok(failures.count > 0 && existsSync(join(place, "outputs", "analysis", "file")) && !existsSync(saved));
    assert.match(String(failures.summary()?.why), /the name is too long/);
  });

  it("grants every user read access to an output on the volume, and to the folders above it", async (context) => {
    const { share } = places(context);
    const folder = join(share, "a", "b");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "file"), "1");
    chmodSync(join(folder, "file"), 0o600);
    for (const path of [folder, join(share, "a")]) chmodSync(path, 0o700);
    assert.deepEqual(await saveOutput(share, folder, warn), [{ path: "a/b", files: 1, bytes: 1 }]);
    assert.equal(statSync(join(folder, "file")).mode & 0o777, 0o644);
    for (const path of [folder, join(share, "a")]) assert.equal(statSync(path).mode & 0o777, 0o755);
  });

  it("never saves a part of the tools", async (context) => {
    const { share } = places(context);
    for (const name of ["inputs", "logs"]) mkdirSync(join(share, name));
    writeFileSync(join(share, "inputs", "x"), "");
    const names = ["oras-operator-done.txt", "oras-operator-lease.txt", "oras-operator-lease.sock"];
    for (const name of names) writeFileSync(join(share, name), "");
    for (const name of [...names, "inputs", "inputs/x", "logs"])
      assert.equal(await saveOutput(share, join(share, name), warn), undefined);
  });
});

describe("saveTogether", () => {
  it("copies matches as one folder, each once, with its path below the fixed folder", async (context) => {
    const { share, output } = places(context);
    mkdirSync(join(output, "sub"));
    for (const name of ["a", "sub/b"]) writeFileSync(join(output, name), name);
    symlinkSync("nothing", join(output, "link"));
    const failures = new OutputFailures(true, warn);
    const paths = ["a", "sub", "sub/b", "link"].map((name) => join(output, name));
    const [record] = await saveTogether(output, paths, { share, warn, failures });
    assert.match(String(record?.path), /^outputs\/\.saved-[0-9a-f]{12}\/analysis$/);
    assert.deepEqual([record?.files, record?.bytes], [2, 6]);
    assert.equal(readFileSync(join(share, String(record?.path), "sub", "b"), "utf8"), "sub/b");
    assert.deepEqual(failures.count, 1);
  });
});
