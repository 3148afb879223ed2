import assert from "node:assert/strict";
import { mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { makeFolders, makeSharedFolders } from "shared/fs/folders";
import { temporaryFolder } from "../../support/temporary.ts";

describe("makeFolders", () => {
  it("creates a folder with its parents, and reports each new folder", (context) => {
    const root = temporaryFolder(context);
    const folder = join(root, "a", "b");
    const created: string[] = [];
    makeFolders(folder, (path) => created.push(path));
    assert.ok(statSync(folder).isDirectory());
    makeFolders(folder, (path) => created.push(path));
    assert.deepEqual(created, [join(root, "a"), folder]);
  });

  it("accepts a link to a folder", (context) => {
    const folder = temporaryFolder(context);
    mkdirSync(join(folder, "target"));
    symlinkSync("target", join(folder, "link"));
    makeFolders(join(folder, "link"), assert.fail);
  });

  it("throws the system's error if the path is, or leads through, a file", (context) => {
    const folder = temporaryFolder(context);
    writeFileSync(join(folder, "file"), "");
    assert.throws(() => makeFolders(join(folder, "file")), { code: "EEXIST" });
    assert.throws(() => makeFolders(join(folder, "file", "a", "b")), { code: "ENOTDIR" });
  });

  it("throws ENOENT below /proc, where the kernel creates no folders", { timeout: 10_000 }, () => {
    assert.throws(() => makeFolders("/proc/a/b"), { code: "ENOENT" });
  });
});

describe("makeSharedFolders", () => {
  it("creates a folder and its parents for all users under any umask, and keeps the mode of an existing one", (context) => {
    const folder = temporaryFolder(context);
    const before = process.umask(0o077);
    try {
      makeSharedFolders(join(folder, "new", "inner"));
      mkdirSync(join(folder, "old"), { mode: 0o750 });
      makeSharedFolders(join(folder, "old"));
    } finally {
      process.umask(before);
    }
    for (const path of ["new", "new/inner"]) assert.equal(statSync(join(folder, path)).mode & 0o7777, 0o777);
    assert.equal(statSync(join(folder, "old")).mode & 0o7777, 0o700);
  });
});
