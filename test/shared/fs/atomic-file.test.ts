import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { placeAtomically, syncFolder, writeAtomically, writeResult } from "shared/fs/atomic-file";
import { temporaryFolder } from "../../support/temporary.ts";

describe("writeResult", () => {
  it("replaces a file, and writes through a link", async (context) => {
    const folder = temporaryFolder(context);
    const [target, link] = [join(folder, "target"), join(folder, "link")];
    symlinkSync("target", link);
    for (const path of [link, target, link]) await writeResult(path, Buffer.from(path));
    assert.equal(readFileSync(target, "utf8"), link);
    assert.deepEqual(readdirSync(folder).sort(), ["link", "target"]);
  });

  it("writes to a device and leaves it in place", async () => {
    await assert.rejects(writeResult("/dev/full", Buffer.from("x")), { code: "ENOSPC" });
    await writeResult("/dev/null", Buffer.from("x"));
    assert.ok(statSync("/dev/null").isCharacterDevice());
  });
});

describe("placeAtomically", () => {
  it("creates a file in the same folder and renames it", async (context) => {
    const path = join(temporaryFolder(context), "file");
    await placeAtomically(path, (temporary) => {
      assert.equal(dirname(temporary), dirname(path));
      assert.notEqual(temporary, path);
      writeFileSync(temporary, "new");
    });
    assert.equal(readFileSync(path, "utf8"), "new");
    assert.deepEqual(readdirSync(dirname(path)), ["file"]);
  });

  it("replaces a link, not its target", async (context) => {
    const folder = temporaryFolder(context);
    writeFileSync(join(folder, "target"), "old");
    symlinkSync("target", join(folder, "link"));
    await placeAtomically(join(folder, "link"), (temporary) => writeFileSync(temporary, "new"));
    assert.equal(readFileSync(join(folder, "target"), "utf8"), "old");
    assert.equal(readFileSync(join(folder, "link"), "utf8"), "new");
  });

  it("keeps the old file and removes the temporary one if `create` fails", async (context) => {
    const path = join(temporaryFolder(context), "file");
    writeFileSync(path, "old");
    const failure = new Error("disk full");
    const failing = placeAtomically(path, (temporary) => {
      writeFileSync(temporary, "half");
      throw failure;
    });
    await assert.rejects(failing, failure);
    assert.equal(readFileSync(path, "utf8"), "old");
    assert.deepEqual(readdirSync(dirname(path)), ["file"]);
  });

  it("removes the temporary file if the rename fails", async (context) => {
    const path = join(temporaryFolder(context), "folder");
    mkdirSync(path);
    await assert.rejects(
      placeAtomically(path, (temporary) => writeFileSync(temporary, "")),
      { code: "EISDIR" },
    );
    assert.deepEqual(readdirSync(dirname(path)), ["folder"]);
  });
});

describe("writeAtomically", () => {
  it("writes to a temporary file and renames it to the returned path", async (context) => {
    const folder = temporaryFolder(context);
    mkdirSync(join(folder, "sub"));
    await writeAtomically(folder, async (file) => {
      await file.writeFile("new");
      assert.equal(readdirSync(folder).length, 2);
      return join(folder, "sub", "file");
    });
    assert.equal(readFileSync(join(folder, "sub", "file"), "utf8"), "new");
    assert.deepEqual(readdirSync(folder), ["sub"]);
  });

  it("replaces an older file by another inode", async (context) => {
    const path = join(temporaryFolder(context), "file");
    writeFileSync(path, "old");
    const before = statSync(path).ino;
    await writeAtomically(dirname(path), async () => path);
    assert.notEqual(statSync(path).ino, before);
    assert.equal(statSync(path).size, 0);
  });

  it("removes the temporary file if `write` fails", async (context) => {
    const folder = temporaryFolder(context);
    const failure = new Error("no text");
    await assert.rejects(
      writeAtomically(folder, async () => {
        throw failure;
      }),
      failure,
    );
    assert.deepEqual(readdirSync(folder), []);
  });

  it("throws the system's error if the folder is missing", async (context) => {
    const folder = join(temporaryFolder(context), "missing");
    await assert.rejects(
      writeAtomically(folder, async () => join(folder, "file")),
      { code: "ENOENT" },
    );
  });
});

describe("syncFolder", () => {
  it("accepts a folder and rejects a missing one", async (context) => {
    const folder = temporaryFolder(context);
    await syncFolder(folder);
    await assert.rejects(syncFolder(join(folder, "missing")), { code: "ENOENT" });
  });
});
