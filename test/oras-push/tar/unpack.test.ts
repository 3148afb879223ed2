import assert from "node:assert/strict";
import { lstatSync, mkdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { writeSparse } from "oras-push/tar/sparse-file";
import { unpack } from "oras-push/tar/unpack";
import { InterruptedError, ToolError } from "shared/cli/tool-error";
import { rawPath } from "shared/fs/byte-path";
import { temporaryFolder } from "../../support/temporary.ts";
import { assertBytes, type Cleaner, type Entry, noise, pieces, tarOf, treeOf } from "../support.ts";

/** Creates a folder to unpack into. A test can check that its parent folder `base` contains nothing else. */
function places(t: Cleaner) {
  const base = temporaryFolder(t);
  const folder = join(base, "into");
  mkdirSync(folder);
  return { base, folder };
}

const FOLDER: Entry = { name: "t", flag: "5" };

describe("unpack", () => {
  it("restores files, folders and links with their modes and times, whatever the umask", async (t) => {
    const { folder } = places(t);
    const before = process.umask(0o077);
    t.after(() => void process.umask(before));
    await unpack(
      pieces(
        tarOf([
          FOLDER,
          { name: "t/f", content: "content", mode: 0o666 },
          { name: "t/closed", flag: "5", mode: 0o555 },
          { name: "t/closed/x", content: "", mode: 0o400 },
          { name: "t/sticky", flag: "5", mode: 0o1777 },
          { name: "t/l", flag: "2", link: "f" },
        ]),
        100,
      ),
      folder,
      "t",
    );
    process.umask(before);
    const mode = (name: string) => statSync(join(folder, name)).mode & 0o7777;
    assert.equal(readFileSync(join(folder, "t/f"), "utf8"), "content");
    assert.equal(readlinkSync(join(folder, "t/l")), "f");
    assert.deepEqual(
      ["t", "t/f", "t/closed", "t/closed/x", "t/sticky"].map((name) => mode(name).toString(8)),
      ["755", "666", "555", "400", "1777"],
    );
    for (const name of ["t", "t/f", "t/l", "t/closed"])
      assert.equal(lstatSync(join(folder, name)).mtimeMs, 1_000_000_000_000, name);
  });

  it("restores names and links that are not UTF-8, and times before 1970 and after 2242", async (t) => {
    const { folder } = places(t);
    const record = (key: string, value: string) => {
      const rest = ` ${key}=${value}\n`;
      return { name: "x", flag: "x", content: Buffer.from(`${rest.length + 2}${rest}`, "latin1") } as const;
    };
    await unpack(
      pieces(
        tarOf([
          FOLDER,
          record("path", "t/d\xe9"),
          { name: "x", flag: "5" },
          record("path", "t/d\xe9/f\xff"),
          { name: "x", content: "1" },
          record("linkpath", "d\xe9/f\xff"),
          { name: "t/l", flag: "2", link: "x" },
          record("mtime", "-86400"),
          { name: "t/old" },
          record("mtime", "9876543210"),
          { name: "t/new" },
        ]),
      ),
      folder,
      "t",
    );
    assert.equal(readFileSync(rawPath(`${folder}/t/d\xe9/f\xff`), "utf8"), "1");
    assert.equal(readlinkSync(join(folder, "t/l"), { encoding: "latin1" }), "d\xe9/f\xff");
    assert.equal(readFileSync(join(folder, "t/l"), "utf8"), "1");
    assert.equal(statSync(join(folder, "t/old")).mtimeMs, -86_400_000);
    assert.equal(statSync(join(folder, "t/new")).mtimeMs, 9_876_543_210_000);
  });

  it("does not restore set-user-ID and set-group-ID", async (t) => {
    const { folder } = places(t);
    const entries: Entry[] = [
      { name: "t/f", mode: 0o6755 },
      { name: "t/d", flag: "5", mode: 0o6755 },
    ];
    await unpack(pieces(tarOf(entries)), folder, "t");
    for (const name of ["t/f", "t/d"]) assert.equal(statSync(join(folder, name)).mode & 0o7777, 0o755, name);
  });

  it("creates parent folders without an entry", async (t) => {
    const { folder } = places(t);
    await unpack(pieces(tarOf([{ name: "t/a/b/f" }])), folder, "t");
    assert.deepEqual(treeOf(folder), { t: "folder", "t/a": "folder", "t/a/b": "folder", "t/a/b/f": "" });
    assert.equal(statSync(join(folder, "t/a")).mode & 0o7777, 0o755);
  });

  it("creates an empty folder for an archive without entries", async (t) => {
    const { folder } = places(t);
    await unpack(pieces(tarOf([])), folder, "t");
    assert.deepEqual(treeOf(folder), { t: "folder" });
  });

  it("creates nested folders for a title of several parts", async (t) => {
    const { folder } = places(t);
    await unpack(pieces(tarOf([{ name: "a/t/f" }])), folder, "a/t");
    assert.deepEqual(treeOf(folder), { a: "folder", "a/t": "folder", "a/t/f": "" });
  });

  it("uses the last of two entries with the same name, and forgets a replaced link", async (t) => {
    const { folder } = places(t);
    await unpack(
      pieces(
        tarOf([
          { name: "t/f", content: "1" },
          { name: "t/f", content: "2" },
          { name: "t/l", flag: "2", link: "f" },
          { name: "t/l", content: "3" },
          { name: "t/l2", flag: "2", link: "." },
          { name: "t/l2", flag: "5" },
          { name: "t/l2/x", content: "4" },
        ]),
      ),
      folder,
      "t",
    );
    assert.deepEqual(treeOf(folder), { t: "folder", "t/f": "2", "t/l": "3", "t/l2": "folder", "t/l2/x": "4" });
  });

  it("restores hard links", async (t) => {
    const { folder } = places(t);
    const entries: Entry[] = [
      { name: "t/f", content: "x" },
      { name: "t/h", flag: "1", link: "t/f" },
    ];
    await unpack(pieces(tarOf(entries)), folder, "t");
    assert.equal(statSync(join(folder, "t/h")).ino, statSync(join(folder, "t/f")).ino);
  });

  it("causes no warning of Node, however often it waits", async (t) => {
    const { folder } = places(t);
    const warnings: string[] = [];
    const warned = (warning: Error) => warnings.push(warning.message);
    process.on("warning", warned);
    t.after(() => void process.off("warning", warned));
    await unpack(pieces(tarOf([{ name: "t/f", content: noise(4 << 20) }]), 100_000), folder, "t");
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(warnings, []);
  });

  it("ignores a leading ./ and trailing slashes in names", async (t) => {
    const { folder } = places(t);
    await unpack(pieces(tarOf([{ name: "./t/", flag: "5" }, { name: "./t//f" }])), folder, "t");
    assert.deepEqual(treeOf(folder), { t: "folder", "t/f": "" });
  });
});

describe("unsafe and broken archives", () => {
  const hostile: Record<string, readonly Entry[]> = {
    "../x": [{ name: "../x" }],
    "t/../../x": [{ name: "t/../../x" }],
    "t/..": [{ name: "t/..", flag: "5" }],
    "an absolute path": [{ name: "/tmp/oras-push-x" }],
    "a path outside the title": [{ name: "other/x" }],
    "a folder that only begins like the title": [{ name: "t-2/x" }],
    "an empty name": [{ name: "", flag: "5" }],
    "a link out": [{ name: "t/l", flag: "2", link: "../.." }],
    "an absolute link": [{ name: "t/l", flag: "2", link: "/etc" }],
    "a link that replaces the folder": [{ name: "t", flag: "2", link: ".." }],
    "a path through a link": [
      { name: "t/d", flag: "5" },
      { name: "t/l", flag: "2", link: "d" },
      { name: "t/l/x", content: "x" },
    ],
    "a folder through a link": [
      { name: "t/d", flag: "5" },
      { name: "t/l", flag: "2", link: "d" },
      { name: "t/l/x", flag: "5" },
    ],
    "a hard link to something outside": [{ name: "t/h", flag: "1", link: "../secret" }],
    "a hard link to an absolute path": [{ name: "t/h", flag: "1", link: "/etc/passwd" }],
    "a hard link to a link": [
      { name: "t/l", flag: "2", link: "x" },
      { name: "t/h", flag: "1", link: "t/l" },
    ],
    "a device": [{ name: "t/dev", flag: "3" }],
    "a FIFO": [{ name: "t/fifo", flag: "6" }],
    "a link that leads out through another link": [
      { name: "t/a", flag: "5" },
      { name: "t/a/b", flag: "5" },
      { name: "t/a/m", flag: "2", link: "b" },
      { name: "t/a/up", flag: "2", link: "m/../../.." },
    ],
    "links that lead out together, created in reverse order": [
      { name: "t/b", flag: "5" },
      { name: "t/b/up", flag: "2", link: "../l/.." },
      { name: "t/x", flag: "2", link: "b/up/b/m/../../secret" },
      { name: "t/b/m", flag: "2", link: "." },
      { name: "t/l", flag: "2", link: "." },
    ],
  };
  for (const [what, entries] of Object.entries(hostile))
    it(`refuses ${what} and writes nothing outside`, async (t) => {
      const { base, folder } = places(t);
      await assert.rejects(unpack(pieces(tarOf(entries)), folder, "t"), (error: unknown) => {
        assert.ok(error instanceof ToolError, String(error));
        assert.match(error.message, /the artifact contains an unsafe entry/);
        return error.exitCode === 76;
      });
      assert.deepEqual(
        Object.keys(treeOf(base)).filter((path) => !path.startsWith("into")),
        [],
      );
    });

  const whole = tarOf([FOLDER, { name: "t/f", content: noise(5000) }]);
  for (const [what, bytes] of Object.entries({
    "an archive truncated in a file": whole.subarray(0, 3000),
    "an archive truncated in a header": whole.subarray(0, 700),
    "text instead of an archive": Buffer.from("<html>".repeat(1000)),
    "an archive with a broken header": Buffer.concat([Buffer.from("x"), whole.subarray(1)]),
  }))
    it(`reports ${what}`, async (t) => {
      const { folder } = places(t);
      await assert.rejects(unpack(pieces(bytes, 512), folder, "t"), (error: unknown) => {
        assert.ok(error instanceof ToolError, String(error));
        assert.equal(error.message, "the layer t is not a complete tar archive");
        return error.exitCode === 76;
      });
    });

  it("throws an error of the source unchanged in the middle of a file", async (t) => {
    const { folder } = places(t);
    async function* failing(): AsyncGenerator<Buffer> {
      yield whole.subarray(0, 3000);
      throw new ToolError("unavailable", "the network");
    }
    await assert.rejects(unpack(failing(), folder, "t"), (error: ToolError) => error.message === "the network");
  });

  it("throws an interruption unchanged in the middle of a file", async (t) => {
    const { folder } = places(t);
    const interruption = new InterruptedError("SIGTERM", 15);
    async function* interrupted(): AsyncGenerator<Buffer> {
      yield whole.subarray(0, 3000);
      throw interruption;
    }
    await assert.rejects(unpack(interrupted(), folder, "t"), (error: unknown) => error === interruption);
  });

  it("fails with the path that cannot be written", async (t) => {
    const { folder } = places(t);
    const entries: Entry[] = [{ name: "t/f" }, { name: "t/f/x" }];
    await assert.rejects(
      unpack(pieces(tarOf(entries)), folder, "t"),
      (error: ToolError) => error.exitCode === 73 && error.message.includes(join(folder, "t/f")),
    );
  });
});

describe("sparse files", () => {
  const PAGE = 4096;
  for (const [what, bytes] of Object.entries({
    nothing: Buffer.alloc(0),
    "one byte": Buffer.from("x"),
    "zeros alone": Buffer.alloc(10 * PAGE + 5),
    "zeros between": Buffer.concat([noise(PAGE + 1), Buffer.alloc(20 * PAGE), noise(7), Buffer.alloc(3 * PAGE)]),
    noise: noise(5 * PAGE + 3),
  }))
    for (const size of [1000, PAGE, 3 * PAGE + 1, 1 << 20])
      it(`keep ${what} in chunks of ${size} bytes unchanged`, async (t) => {
        const path = join(temporaryFolder(t), "file");
        await using file = await open(path, "wx");
        await writeSparse(file.fd, pieces(bytes, size));
        assertBytes(readFileSync(path), bytes);
      });

  it("use no space for zeros", async (t) => {
    const path = join(temporaryFolder(t), "file");
    await using file = await open(path, "wx");
    await writeSparse(file.fd, pieces(Buffer.alloc(16 << 20), 1 << 20));
    const { size, blocks } = statSync(path);
    assert.equal(size, 16 << 20);
    assert.ok(blocks * 512 < 1 << 20, `${blocks} blocks`);
  });
});
