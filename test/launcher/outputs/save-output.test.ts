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
import { makeSharedFolder, saveOutput } from "launcher/outputs/save-output";
import { ToolError } from "shared/cli/tool-error";
import { temporaryFolder } from "../../support/temporary.ts";

const warn = (message: string) => assert.fail(message);

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

describe("saving an output", () => {
  it("a folder appears under its name in the outputs folder, readable for all", async (context) => {
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

  it("a file is saved as a file", async (context) => {
    const { folder, share } = places(context);
    writeFileSync(join(folder, "lammps.out"), "123");
    const records = await saveOutput(share, join(folder, "lammps.out"), warn);
    assert.deepEqual(records, [{ path: "outputs/lammps.out", files: 1, bytes: 3 }]);
    assert.equal(readFileSync(join(share, "outputs", "lammps.out"), "utf8"), "123");
  });

  it("one that was saved before is replaced as a whole", async (context) => {
    const { share, output, saved } = places(context);
    mkdirSync(saved, { recursive: true });
    writeFileSync(join(saved, "stale"), "");
    writeFileSync(join(output, "fresh"), "");
    await saveOutput(share, output, warn);
    assert.deepEqual(readdirSync(saved), ["fresh"]);
    assert.deepEqual(readdirSync(join(share, "outputs")), ["analysis"]);
  });

  it("a file takes the place of a folder, and a folder that of a file", async (context) => {
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

  it("a path that is a symlink gives what it leads to, under its own name", async (context) => {
    const { folder, share, output } = places(context);
    writeFileSync(join(output, "file"), "");
    symlinkSync(output, join(folder, "latest"));
    const records = await saveOutput(share, join(folder, "latest"), warn);
    assert.deepEqual(records, [{ path: "outputs/latest", files: 1, bytes: 0 }]);
    assert.ok(statSync(join(share, "outputs", "latest")).isDirectory());
  });

  it("a path that is not there, or a symlink to nothing, is undefined", async (context) => {
    const { folder, share } = places(context);
    symlinkSync("nothing", join(folder, "link"));
    assert.equal(await saveOutput(share, join(folder, "none"), warn), undefined);
    assert.equal(await saveOutput(share, join(folder, "link"), warn), undefined);
    assert.ok(!existsSync(join(share, "outputs")));
  });

  it("what lies on the shared volume stays where it is, by whatever path it is named", async (context) => {
    const { folder, share } = places(context);
    mkdirSync(join(share, "results"));
    writeFileSync(join(share, "results", "file"), "1");
    symlinkSync("share", join(folder, "volume"));
    for (const path of [join(share, "results"), join(folder, "volume", "results")])
      assert.deepEqual(await saveOutput(share, path, warn), [{ path: "results", files: 1, bytes: 1 }]);
    assert.deepEqual(readdirSync(share), ["results"]);
  });

  it("the outputs folder itself gives each thing in it but dotfiles", async (context) => {
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

  it("an output that holds the shared volume is refused", async (context) => {
    const { folder, share } = places(context);
    for (const path of [share, folder, "/"])
      await assert.rejects(saveOutput(share, path, warn), fails("copyFailed", /holds the shared volume/));
  });

  it("a part of a path that is a file is named", async (context) => {
    const { folder, share } = places(context);
    writeFileSync(join(folder, "file"), "");
    await assert.rejects(
      saveOutput(share, join(folder, "file", "x"), warn),
      fails("noInput", /^cannot read .*file\/x$/),
    );
  });

  it("what is left out is warned of, the rest is saved", async (context) => {
    const { share, output, saved } = places(context);
    execFileSync("mkfifo", [join(output, "fifo")]);
    writeFileSync(join(output, "file"), "");
    const warnings: string[] = [];
    await saveOutput(share, output, (message) => warnings.push(message));
    assert.deepEqual(warnings, [`left out ${join(output, "fifo")}: a FIFO`]);
    assert.deepEqual(readdirSync(saved), ["file"]);
  });

  it("a copy that fails leaves the earlier one and nothing half", async (context) => {
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
});

describe("a folder of the shared volume", () => {
  it("may be written to by all under any umask, but one that was there keeps its mode", (context) => {
    const folder = temporaryFolder(context);
    const before = process.umask(0o077);
    try {
      makeSharedFolder(join(folder, "new"));
      mkdirSync(join(folder, "old"), { mode: 0o750 });
      makeSharedFolder(join(folder, "old"));
    } finally {
      process.umask(before);
    }
    assert.equal(statSync(join(folder, "new")).mode & 0o7777, 0o777);
    assert.equal(statSync(join(folder, "old")).mode & 0o7777, 0o700);
  });

  it("one that can't be made is named", (context) => {
    const folder = temporaryFolder(context);
    writeFileSync(join(folder, "file"), "");
    assert.throws(
      () => makeSharedFolder(join(folder, "file", "x")),
      fails("cannotCreate", /^cannot create .*file\/x$/),
    );
  });
});
