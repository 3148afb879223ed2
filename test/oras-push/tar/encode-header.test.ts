import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  type Stats,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { encodeEntry, paddingOf, TRAILER_SIZE } from "oras-push/tar/encode-header";
import type { TreeEntry } from "oras-push/tar/walk";
import { toBytePath } from "shared/fs/byte-path";
import { temporaryFolder } from "../../support/temporary.ts";

const MTIME = 1_700_000_000;
const NEVER = Number.POSITIVE_INFINITY;

function entry(name: string, fields: Partial<Omit<TreeEntry, "stats">> = {}, stats: Partial<Stats> = {}): TreeEntry {
  const usual = { mode: 0o100644, mtimeMs: MTIME * 1000, ...stats } as Stats;
  return { path: "/", name: toBytePath(name), type: "file", stats: usual, ...fields };
}

/** Returns the header of an entry as one buffer, without the entry's content. */
function encoded(of: TreeEntry, size = 0, latest = NEVER): Buffer {
  const bytes = encodeEntry(of, size, latest);
  assert.equal(bytes.length % 512, 0);
  return bytes;
}

/** Returns the records of the extended header at the start of an archive. */
function records(bytes: Buffer): string[] {
  assert.equal(bytes.toString("latin1", 156, 157), "x");
  const size = Number.parseInt(bytes.toString("latin1", 124, 135), 8);
  const found: string[] = [];
  for (let rest = bytes.subarray(512, 512 + size); rest.length > 0; ) {
    const length = Number.parseInt(rest.toString("latin1"), 10);
    assert.equal(rest[length - 1], 10, "the record does not end with a newline after its length");
    found.push(rest.toString("latin1", String(length).length + 1, length - 1));
    rest = rest.subarray(length);
  }
  return found;
}

/** The lines that GNU tar lists for an archive of these bytes. */
function listed(bytes: Buffer): string[] {
  const args = ["-tvf", "-", "--numeric-owner", "--full-time", "--quoting-style=escape", "--utc"];
  const options = { input: Buffer.concat([bytes, Buffer.alloc(TRAILER_SIZE)]), env: { ...process.env, LC_ALL: "C" } };
  const { stdout, stderr, status } = spawnSync("tar", args, options);
  assert.equal(stderr.toString(), "");
  assert.equal(status, 0);
  return stdout.toString().trim().split("\n");
}

describe("tar headers", () => {
  it("are equal to those of GNU tar for a file and a link", (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "t"));
    writeFileSync(join(folder, "t", "a file"), "content", { mode: 0o640 });
    symlinkSync("a file", join(folder, "t", "link"));
    const args = ["--format=ustar", "--owner=0", "--group=0", "--numeric-owner", `--mtime=@${MTIME}`, "--sort=name"];
    const { stdout } = spawnSync("tar", [...args, "--mode=u=rw,g=r,o=", "-cf", "-", "-C", folder, "t/a file"]);
    const file = encoded(entry("t/a file", {}, { mode: 0o100640 }), 7);
    assert.deepEqual(file.toString("latin1"), stdout.toString("latin1", 0, 512));
    const { stdout: link } = spawnSync("tar", [...args, "-cf", "-", "-C", folder, "t/link"]);
    const ours = encoded(entry("t/link", { type: "symlink", target: "a file" }));
    assert.deepEqual(ours.toString("latin1"), link.toString("latin1", 0, 512));
  });

  it("keep all bits of modes, with owners of zero", () => {
    assert.deepEqual(
      [
        encoded(entry("t/s", {}, { mode: 0o104755 })),
        encoded(entry("t/d", { type: "directory" }, { mode: 0o41777 })),
      ].flatMap(listed),
      [
        "-rwsr-xr-x 0/0               0 2023-11-14 22:13:20 t/s",
        "drwxrwxrwt 0/0               0 2023-11-14 22:13:20 t/d",
      ],
    );
  });

  it("truncate fractions of a second, also before 1970", () => {
    const at = (mtimeMs: number) => listed(encoded(entry("t", {}, { mtimeMs })))[0]?.slice(31, 50);
    assert.equal(at(1_700_000_000_999), "2023-11-14 22:13:20");
    assert.equal(at(-1), "1969-12-31 23:59:59");
  });

  it("contain no time after the latest time", () => {
    assert.equal(listed(encoded(entry("t"), 0, 1_000_000_000))[0]?.slice(31, 50), "2001-09-09 01:46:40");
    assert.deepEqual(encoded(entry("t"), 0, MTIME + 1), encoded(entry("t")));
  });

  for (const [what, name] of Object.entries({
    "100 characters": "a".repeat(100),
    "a name that can be split": `${"a".repeat(155)}/${"b".repeat(100)}`,
    "many folders": `${"abc/".repeat(50)}x`,
  }))
    it(`encode ${what} in one block`, () => {
      const bytes = encoded(entry(name));
      assert.equal(bytes.length, 512);
      assert.ok(listed(bytes)[0]?.endsWith(` ${name}`));
    });

  for (const [what, name, escaped] of [
    ["101 characters without a slash", "a".repeat(101), undefined],
    ["a last part of 101 characters", `dir/${"a".repeat(101)}`, undefined],
    ["a prefix of 156 characters", `${"a".repeat(156)}/b`, undefined],
    ["a name of 300 characters", `/${"a".repeat(99)}/${"b".repeat(99)}/${"c".repeat(99)}`.slice(1), undefined],
    ["UTF-8", "t/größe", "t/gr\\303\\266\\303\\237e"],
    ["a newline", "t/a\nb", "t/a\\nb"],
  ] as const)
    it(`encode ${what} in an extended header`, () => {
      const bytes = encoded(entry(name));
      assert.equal(bytes.length, 1536);
      assert.deepEqual(records(bytes), [`path=${toBytePath(name)}`]);
      assert.ok(listed(bytes)[0]?.endsWith(` ${escaped ?? name}`), listed(bytes).join());
    });

  it("keep the bytes of names that are not UTF-8", () => {
    const bytes = encoded({ ...entry(""), name: "t/\xff\xfe" });
    assert.deepEqual(records(bytes), ["path=t/\xff\xfe"]);
    assert.ok(listed(bytes)[0]?.endsWith(" t/\\377\\376"));
  });

  it("need no extended header for backslashes, spaces and a leading dash", () => {
    for (const name of ["t/a\\b", "t/ x ", "-rf"]) assert.equal(encoded(entry(name)).length, 512);
  });

  it("encode long or non-ASCII link targets in an extended header", () => {
    for (const target of ["x".repeat(101), toBytePath("größe")]) {
      const bytes = encoded(entry("t/l", { type: "symlink", target }));
      assert.deepEqual(records(bytes), [`linkpath=${target}`]);
    }
    assert.equal(encoded(entry("t/l", { type: "symlink", target: "x".repeat(100) })).length, 512);
  });

  it("encode times before 1970 and after 2242 in an extended header", () => {
    assert.deepEqual(records(encoded(entry("t", {}, { mtimeMs: -86_400_000 }))), ["mtime=-86400"]);
    assert.deepEqual(records(encoded(entry("t", {}, { mtimeMs: 8 ** 11 * 1000 }))), [`mtime=${8 ** 11}`]);
    assert.equal(encoded(entry("t", {}, { mtimeMs: 0 })).length, 512);
  });

  it("encode sizes from 8 GiB in an extended header, which GNU tar reads", (t) => {
    assert.equal(encoded(entry("t"), 8 ** 11 - 1).length, 512);
    const size = 8 ** 11;
    const bytes = encoded(entry("large"), size);
    assert.deepEqual(records(bytes), [`size=${size}`]);
    // The test does not write the content of the large entry: this content is a hole of 8 GiB in the file `archive`.
    const file = join(temporaryFolder(t), "archive");
    const archive = openSync(file, "w");
    writeSync(archive, bytes);
    writeSync(archive, encoded(entry("after")), 0, 512, bytes.length + size);
    ftruncateSync(archive, bytes.length + size + 512 + 1024);
    closeSync(archive);
    const { stdout } = spawnSync("tar", ["-tvf", file]);
    const lines = stdout.toString().split("\n");
    assert.match(lines[0] ?? "", new RegExp(` ${size} .* large$`));
    assert.match(lines[1] ?? "", / after$/);
  });

  it("count the digits of a record's length, also if their number grows", () => {
    for (let length = 80; length < 120; length++) {
      const name = `t/ü${"x".repeat(length)}`;
      assert.deepEqual(records(encoded(entry(name))), [`path=${toBytePath(name)}`]);
    }
  });

  it("add no empty block after records that fill a block", () => {
    // The record has 512 bytes: three digits, the text " path=", a name of 502 bytes, and a newline.
    const bytes = encoded({ ...entry(""), name: `${"x".repeat(250)}/${"y".repeat(251)}` });
    assert.equal(Number.parseInt(bytes.toString("latin1", 124, 135), 8), 512);
    assert.equal(bytes.length, 3 * 512);
  });

  it("are followed by padding to whole blocks, and the archive by two blocks", () => {
    assert.deepEqual([0, 1, 511, 512, 513].map(paddingOf), [0, 511, 1, 0, 511]);
    assert.equal(TRAILER_SIZE, 1024);
  });
});
