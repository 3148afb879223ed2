import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { archiveSegments } from "oras-push/tar/segments";
import { unpack } from "oras-push/tar/unpack";
import { walk } from "oras-push/tar/walk";
import { ToolError } from "shared/cli/tool-error";
import { run } from "../../../support/tools.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { archiveBytes, assertBytes, collect, noise, pieces } from "../support.ts";

const NO_REPORT = () => {};

function packed(folder: string, latest?: number): Promise<Buffer> {
  return collect(archiveBytes(archiveSegments(walk(folder, "t", NO_REPORT), latest)));
}

/** Creates a folder with names, sizes, modes and times that are hard to store. */
function makeOddTree(root: string): void {
  mkdirSync(join(root, "empty"), { recursive: true });
  mkdirSync(join(root, "p".repeat(120), "q".repeat(120)), { recursive: true });
  for (const size of [0, 1, 511, 512, 513, 256 << 10, (256 << 10) + 1, 3 << 20])
    writeFileSync(join(root, `size ${size}`), noise(size));
  for (const name of ["größe", "зеленый", "new\nline", "back\\slash", "-rf", " ", ".hidden", "x".repeat(255)])
    writeFileSync(join(root, name), name);
  writeFileSync(join(root, "p".repeat(120), "q".repeat(120), "r".repeat(120)), "deep");
  writeFileSync(join(root, "old"), "");
  utimesSync(join(root, "old"), -86_400, -86_400);
  writeFileSync(join(root, "set"), "");
  chmodSync(join(root, "set"), 0o4755);
  chmodSync(join(root, "empty"), 0o1777);
  linkSync(join(root, "size 513"), join(root, "hard link"));
  symlinkSync("size 513", join(root, "soft link"));
}

describe("packed folders", () => {
  it("are restored by GNU tar", async (t) => {
    const folder = temporaryFolder(t);
    makeOddTree(join(folder, "t"));
    mkdirSync(join(folder, "there"));
    const archive = await packed(join(folder, "t"));
    const { stderr } = spawnSync("tar", ["-xpf", "-", "-C", join(folder, "there")], { input: archive });
    assert.equal(stderr.toString(), "");
    const diff = await run("diff", ["-r", "--no-dereference", join(folder, "t"), join(folder, "there", "t")]);
    assert.equal(diff.stdout + diff.stderr, "");
    for (const name of ["set", "empty", "old", "größe"]) {
      const [a, b] = [lstatSync(join(folder, "t", name)), lstatSync(join(folder, "there", "t", name))];
      assert.equal(b.mode, a.mode, name);
      assert.equal(b.mtimeMs, Math.floor(a.mtimeMs / 1000) * 1000, name);
    }
  });

  it("are restored by unpack", async (t) => {
    const folder = temporaryFolder(t);
    makeOddTree(join(folder, "t"));
    mkdirSync(join(folder, "there"));
    const archive = await packed(join(folder, "t"));
    const { files } = await unpack(pieces(archive, 10_007), join(folder, "there"), "t");
    const diff = await run("diff", ["-r", "--no-dereference", join(folder, "t"), join(folder, "there", "t")]);
    assert.equal(diff.stdout + diff.stderr, "");
    assert.equal(
      files,
      readdirSync(join(folder, "t")).length - 3 + 1,
      "all names except two folders and a link, and one file below",
    );
  });

  it("begin with the folder, have owners of zero, and store hard links as files", async (t) => {
    const folder = join(temporaryFolder(t), "t");
    makeOddTree(folder);
    const { stdout } = spawnSync("tar", ["-tvf", "-", "--numeric-owner"], { input: await packed(folder) });
    const lines = stdout.toString().trim().split("\n");
    assert.match(lines[0] ?? "", /^drwx.* t\/?$/);
    for (const line of lines) assert.match(line, /^[-dl]\S+ 0\/0 /);
    assert.match(stdout.toString(), / 513 .* t\/hard link$/m);
  });

  it("end with 1024 zero bytes", async (t) => {
    const folder = temporaryFolder(t);
    assert.equal((await packed(folder)).length, 512 + 1024);
    writeFileSync(join(folder, "f"), "x".repeat(512));
    const archive = await packed(folder);
    assert.equal(archive.length, 512 + 512 + 512 + 1024);
    assert.equal(archive.at(-1025), "x".charCodeAt(0));
    writeFileSync(join(folder, "f"), "x".repeat(513));
    assert.equal((await packed(folder)).length, 512 + 512 + 1024 + 1024);
  });

  it("give the same bytes for the same content, in whatever order it was created", async (t) => {
    const [one, other] = [temporaryFolder(t), temporaryFolder(t)];
    for (const [folder, names] of [
      [one, ["a", "b", "c"]],
      [other, ["c", "a", "b"]],
    ] as const) {
      for (const name of names) writeFileSync(join(folder, name), name, { mode: 0o600 });
      for (const name of names) utimesSync(join(folder, name), 1_600_000_000, 1_600_000_000);
      chmodSync(folder, 0o755);
      utimesSync(folder, 1_600_000_000, 1_600_000_000);
    }
    assert.deepEqual(await packed(one), await packed(other));
  });

  it("give the same bytes for segments of any size", async (t) => {
    const folder = temporaryFolder(t);
    makeOddTree(join(folder, "t"));
    const entries = [...walk(join(folder, "t"), "t", NO_REPORT)];
    const expected = await collect(archiveBytes(archiveSegments(entries)));
    for (const size of [512, 1000, 10_007, 16 << 20]) {
      const chunks: Buffer[] = [];
      for await (const chunk of archiveBytes(archiveSegments(entries), size)) chunks.push(chunk);
      assert.ok(chunks.slice(0, -1).every(({ length }) => length === size));
      assertBytes(Buffer.concat(chunks), expected);
    }
  });

  it("are large from 24 MiB or 4000 entries on, and give the same bytes after this question", async (t) => {
    const folder = temporaryFolder(t);
    for (let index = 0; index < 4000; index++) writeFileSync(join(folder, String(index)), "");
    const few = [...walk(folder, "t", NO_REPORT)].slice(0, 3999);
    assert.equal(archiveSegments(few).isLarge(), false);
    assert.equal(archiveSegments(walk(folder, "t", NO_REPORT)).isLarge(), true);
    const asked = archiveSegments(walk(folder, "t", NO_REPORT));
    asked.isLarge();
    assertBytes(await collect(archiveBytes(asked)), await packed(folder));
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
    writeFileSync(join(folder, "large"), "");
    truncateSync(join(folder, "large"), (24 << 20) - 1);
    assert.equal(archiveSegments(walk(folder, "t", NO_REPORT)).isLarge(), false);
    truncateSync(join(folder, "large"), 24 << 20);
    assert.equal(archiveSegments(walk(folder, "t", NO_REPORT)).isLarge(), true);
  });

  it("contain no time after the latest time", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "f"), "");
    const before = await packed(folder, 1_600_000_000);
    utimesSync(join(folder, "f"), 1_700_000_000, 1_700_000_000);
    assert.deepEqual(await packed(folder, 1_600_000_000), before);
  });
});

describe("changed files", () => {
  const changes: Record<string, (path: string) => void> = {
    grows: (path) => appendFileSync(path, "x"),
    shrinks: (path) => truncateSync(path, 100),
    "is written again": (path) => utimesSync(path, 1, 1),
    "is replaced": (path) => {
      const stats = lstatSync(path);
      writeFileSync(`${path}.new`, Buffer.alloc(stats.size));
      utimesSync(`${path}.new`, stats.atime, stats.mtime);
      renameSync(`${path}.new`, path);
    },
    vanishes: (path) => rmSync(path),
    "becomes a link": (path) => {
      renameSync(path, `${path}.old`);
      symlinkSync(`${path}.old`, path);
    },
    "becomes a FIFO": (path) => {
      rmSync(path);
      execFileSync("mkfifo", [path]);
    },
  };
  for (const [size, kind] of [
    [1000, "small"],
    [1 << 20, "large"],
  ] as const)
    for (const [what, change] of Object.entries(changes))
      it(`fails with the path if a ${kind} one ${what}`, async (t) => {
        const folder = temporaryFolder(t);
        const path = join(folder, "file");
        writeFileSync(path, noise(size));
        const entries = [...walk(folder, "t", NO_REPORT)];
        change(path);
        await assert.rejects(collect(archiveBytes(archiveSegments(entries))), (error: unknown) => {
          assert.ok(error instanceof ToolError, String(error));
          assert.ok(error.message.includes(path), error.message);
          return error.exitCode === 66;
        });
      });

  for (const what of ["grows", "shrinks", "is written again"])
    it(`fails with the path if one ${what} after its first chunk`, async (t) => {
      const folder = temporaryFolder(t);
      const path = join(folder, "file");
      writeFileSync(path, noise(5 << 20));
      const stream = archiveBytes(archiveSegments(walk(folder, "t", NO_REPORT)));
      let read = 0;
      await assert.rejects(
        async () => {
          for await (const chunk of stream) {
            read += chunk.length;
            if (read > 1 << 20 && read < 3 << 20) changes[what]?.(path);
          }
        },
        (error: ToolError) => error.message === `${path} changed while it was read` && error.exitCode === 66,
      );
      assert.ok(read > 1 << 20);
    });
});
