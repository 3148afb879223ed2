import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { ToolError } from "shared/cli/tool-error";
import { readMarker, removeMarkers, writeMarker } from "shared/pod/marker-file";
import { temporaryFolder } from "../../support/temporary.ts";

const asJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

function fails(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ToolError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

describe("writeMarker", () => {
  it("writes one line of JSON and leaves no temporary file", async (context) => {
    const folder = temporaryFolder(context);
    await writeMarker(join(folder, "done.txt"), { exitCode: 0, error: "a\nb" });
    assert.equal(readFileSync(join(folder, "done.txt"), "utf8"), '{"exitCode":0,"error":"a\\nb"}\n');
    assert.deepEqual(readdirSync(folder), ["done.txt"]);
  });

  it("sets the mode 0644 under any umask", async (context) => {
    const folder = temporaryFolder(context);
    const module = import.meta.resolve("shared/pod/marker-file");
    for (const umask of ["077", "000"]) {
      const path = join(folder, umask);
      const program = `import { writeMarker } from "${module}"; await writeMarker(process.argv[1], {});`;
      const shell = `umask ${umask}; exec "$@"`;
      execFileSync("sh", ["-c", shell, "sh", process.execPath, "--input-type=module", "-e", program, path]);
      assert.equal(statSync(path).mode & 0o7777, 0o644);
    }
  });

  it("replaces an older marker by rename, so that its readers still read it whole", async (context) => {
    const path = join(temporaryFolder(context), "done.txt");
    await writeMarker(path, { attempt: 1 });
    const before = statSync(path).ino;
    await writeMarker(path, { attempt: 2 });
    assert.notEqual(statSync(path).ino, before);
    assert.deepEqual(readMarker(path, asJson), { attempt: 2 });
  });

  it("shows a concurrent reader the old or the new marker, never a part", async (context) => {
    const path = join(temporaryFolder(context), "done.txt");
    const filler = "x".repeat(200_000);
    await writeMarker(path, { round: 0, filler });
    let writing = true;
    const reading = (async () => {
      let seen = 0;
      for (; writing; seen++) {
        assert.notEqual(readMarker(path, asJson), undefined);
        await setImmediate();
      }
      return seen;
    })();
    for (let round = 1; round <= 50; round++) await writeMarker(path, { round, filler });
    writing = false;
    assert.ok((await reading) > 0);
  });

  const places: readonly [string, (folder: string) => string][] = [
    ["a missing folder", (folder) => join(folder, "none", "done.txt")],
    ["a file instead of a folder", (folder) => join(folder, "file", "done.txt")],
    ["a path that is a folder", (folder) => join(folder, "taken")],
    ["a path with a name that is too long", (folder) => join(folder, "x".repeat(256))],
  ];
  for (const [name, place] of places)
    it(`fails in ${name} with the path of the marker, and leaves no temporary file`, async (context) => {
      const folder = temporaryFolder(context);
      writeFileSync(join(folder, "file"), "");
      mkdirSync(join(folder, "taken", "full"), { recursive: true });
      await assert.rejects(writeMarker(place(folder), {}), fails("cannotCreate", /^cannot write the marker \//));
      assert.deepEqual(readdirSync(folder), ["file", "taken"]);
    });
});

describe("readMarker", () => {
  it("returns undefined for a missing marker", (context) => {
    const folder = temporaryFolder(context);
    writeFileSync(join(folder, "file"), "");
    for (const name of ["none", "none/none", "file/none"])
      assert.equal(readMarker(join(folder, name), asJson), undefined);
  });

  it("returns undefined for text that the parser rejects", (context) => {
    const path = join(temporaryFolder(context), "done.txt");
    writeFileSync(path, '{"exitCode": ');
    assert.equal(readMarker(path, asJson), undefined);
  });

  it("passes empty text to the parser for an empty marker", (context) => {
    const path = join(temporaryFolder(context), "done.txt");
    writeFileSync(path, "");
    assert.equal(
      readMarker(path, (text) => text),
      "",
    );
  });

  it("never writes a marker that its reader refuses", async (context) => {
    const path = join(temporaryFolder(context), "done.txt");
    const tooLong = { text: "x".repeat(1 << 20) };
    await assert.rejects(writeMarker(path, tooLong), fails("cannotCreate", /^cannot write the marker .*done\.txt$/));
    assert.equal(readMarker(path, asJson), undefined);
  });

  it("reads a marker of 1 MiB whole, and refuses a longer one with its path", (context) => {
    const path = join(temporaryFolder(context), "done.txt");
    writeFileSync(path, "x".repeat(1 << 20));
    assert.equal(readMarker(path, (text) => text)?.length, 1 << 20);
    writeFileSync(path, "x".repeat((1 << 20) + 1));
    assert.throws(() => readMarker(path, asJson), fails("noInput", /^cannot read the marker .*done\.txt$/));
  });

  it("fails with the path of a folder", (context) => {
    const folder = temporaryFolder(context);
    assert.throws(() => readMarker(folder, asJson), fails("noInput", /^cannot read the marker /));
  });

  it("fails with the path of a FIFO or a device, and does not block", { timeout: 10_000 }, (context) => {
    const path = join(temporaryFolder(context), "fifo");
    execFileSync("mkfifo", [path]);
    assert.throws(() => readMarker(path, asJson), fails("noInput", /^cannot read the marker .*fifo$/));
    assert.throws(() => readMarker("/dev/zero", asJson), fails("noInput", /^cannot read the marker \/dev\/zero$/));
  });

  it("fails with the path of a link that points to itself", (context) => {
    const path = join(temporaryFolder(context), "loop");
    symlinkSync("loop", path);
    assert.throws(() => readMarker(path, asJson), fails("noInput", /^cannot read the marker .*loop$/));
  });
});

describe("removeMarkers", () => {
  it("removes the given markers, ignores missing ones and keeps all other files", async (context) => {
    const folder = temporaryFolder(context);
    for (const name of ["done", "kept"]) writeFileSync(join(folder, name), "");
    await removeMarkers(folder, ["none", "done"]);
    assert.deepEqual(readdirSync(folder), ["kept"]);
  });

  it("fails with the path of a marker that cannot be removed", async (context) => {
    const folder = temporaryFolder(context);
    mkdirSync(join(folder, "done", "full"), { recursive: true });
    await assert.rejects(removeMarkers(folder, ["done"]), (error: ToolError) => {
      assert.equal(error.why, "it is a directory");
      return fails("cannotCreate", /^cannot remove the old marker .*done$/)(error);
    });
    assert.ok(existsSync(dirname(join(folder, "done", "full"))));
  });
});
