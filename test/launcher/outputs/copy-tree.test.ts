import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import fs, {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { copyTree } from "launcher/outputs/copy-tree";
import { ToolError } from "shared/cli/tool-error";
import { grantReadAccess } from "shared/fs/read-access";
import { temporaryFolder } from "../../support/temporary.ts";

const MIB = 1 << 20;
const warn = (message: string) => assert.fail(message);
const report = (path: string) => assert.fail(path);

/** The paths of a source folder and its copy. */
function places(context: { after(clean: () => void): void }) {
  const folder = temporaryFolder(context);
  const [from, to] = [join(folder, "from"), join(folder, "to")];
  mkdirSync(from);
  return { from, to };
}

function fails(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ToolError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

describe("copyTree", () => {
  it("copies all files, folders and dotfiles, also empty ones, and counts the files", async (context) => {
    const { from, to } = places(context);
    mkdirSync(join(from, "deep", "er"), { recursive: true });
    mkdirSync(join(from, "empty"));
    writeFileSync(join(from, "nothing"), "");
    writeFileSync(join(from, ".dot"), "12");
    writeFileSync(join(from, "deep", "er", "größe\n -n"), "345");
    assert.deepEqual(await copyTree(from, to, { warn }), { files: 3, bytes: 5 });
    execFileSync("diff", ["-r", from, to]);
    assert.deepEqual(readdirSync(to).sort(), [".dot", "deep", "empty", "nothing"]);
  });

  it("copies a single file of any size", async (context) => {
    const { from, to } = places(context);
    for (const size of [0, 1, MIB, MIB + 1, 3 * MIB + 7]) {
      writeFileSync(join(from, "file"), Buffer.alloc(size, "abcdefg"));
      assert.deepEqual(await copyTree(join(from, "file"), to, { warn }), { files: 1, bytes: size });
      assert.ok(readFileSync(to).equals(readFileSync(join(from, "file"))), `${size}`);
    }
  });

  it("keeps modes with their special bits under any umask", async (context) => {
    const { from, to } = places(context);
    const modes = { file: 0o640, all: 0o777, set: 0o4755, none: 0o000, readOnly: 0o444 };
    for (const [name, mode] of Object.entries(modes)) {
      writeFileSync(join(from, name), "");
      chmodSync(join(from, name), mode);
    }
    mkdirSync(join(from, "sticky"));
    chmodSync(join(from, "sticky"), 0o1777);
    mkdirSync(join(from, "closed"));
    writeFileSync(join(from, "closed", "file"), "");
    chmodSync(join(from, "closed"), 0o555);
    const before = process.umask(0o077);
    try {
      // The file `none` has no read permission. Only root can copy it.
      if (process.getuid?.() !== 0) rmSync(join(from, "none"));
      await copyTree(from, to, { warn });
    } finally {
      process.umask(before);
    }
    for (const [name, mode] of Object.entries(modes))
      if (existsSync(join(from, name))) assert.equal(statSync(join(to, name)).mode & 0o7777, mode, name);
    assert.equal(statSync(join(to, "sticky")).mode & 0o7777, 0o1777);
    assert.equal(statSync(join(to, "closed")).mode & 0o7777, 0o555);
    assert.ok(existsSync(join(to, "closed", "file")));
  });

  it("adds mode bits, and search permission for folders", async (context) => {
    const { from, to } = places(context);
    mkdirSync(join(from, "folder"));
    writeFileSync(join(from, "folder", "file"), "");
    chmodSync(join(from, "folder", "file"), 0o600);
    chmodSync(join(from, "folder"), 0o700);
    await copyTree(from, to, { warn, addMode: 0o444 });
    assert.equal(statSync(join(to, "folder")).mode & 0o7777, 0o755);
    assert.equal(statSync(join(to, "folder", "file")).mode & 0o7777, 0o644);
  });

  it("keeps the times of files, folders and symbolic links", async (context) => {
    const { from, to } = places(context);
    mkdirSync(join(from, "folder"));
    writeFileSync(join(from, "folder", "small"), "");
    writeFileSync(join(from, "large"), Buffer.alloc(MIB + 1, 1));
    symlinkSync("large", join(from, "link"));
    const times = { "folder/small": 1e9, large: 1.1e9, folder: 1.2e9, ".": 1.3e9 };
    for (const [name, time] of Object.entries(times)) utimesSync(join(from, name), time - 1, time);
    lutimesSync(join(from, "link"), 1.4e9, 1.4e9);
    await copyTree(from, to, { warn });
    for (const [name, time] of Object.entries(times)) assert.equal(statSync(join(to, name)).mtimeMs, time * 1000, name);
    assert.equal(lstatSync(join(to, "link")).mtimeMs, 1.4e12);
  });

  it("keeps hard links, and counts each name", async (context) => {
    const { from, to } = places(context);
    mkdirSync(join(from, "folder"));
    writeFileSync(join(from, "a"), "12");
    linkSync(join(from, "a"), join(from, "folder", "b"));
    linkSync(join(from, "a"), join(from, "c"));
    assert.deepEqual(await copyTree(from, to, { warn }), { files: 3, bytes: 6 });
    const { ino, nlink } = statSync(join(to, "a"));
    assert.equal(nlink, 3);
    assert.equal(statSync(join(to, "folder", "b")).ino, ino);
    assert.notEqual(ino, statSync(join(from, "a")).ino);
  });

  it("keeps holes", async (context) => {
    const { from, to } = places(context);
    const file = openSync(join(from, "sparse"), "w");
    for (const [text, position] of [
      ["head", 0],
      ["middle", 37 * MIB - 3],
      ["tail", 64 * MIB - 4],
    ] as const)
      writeSync(file, text, position);
    closeSync(file);
    writeFileSync(join(from, "hole"), "");
    truncateSync(join(from, "hole"), 5 * MIB + 1);
    assert.deepEqual(await copyTree(from, to, { warn }), { files: 2, bytes: 69 * MIB + 1 });
    assert.ok(readFileSync(join(to, "sparse")).equals(readFileSync(join(from, "sparse"))));
    assert.equal(statSync(join(to, "hole")).size, 5 * MIB + 1);
    assert.ok(statSync(join(to, "sparse")).blocks * 512 <= 5 * MIB);
    assert.equal(statSync(join(to, "hole")).blocks, 0);
  });

  it("keeps the targets of symbolic links, also of dangling ones", async (context) => {
    const { from, to } = places(context);
    mkdirSync(join(from, "folder"));
    const links = { up: "../x", plain: "folder", nothing: "no/where", absolute: "/etc/passwd", slash: "./folder//" };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(from, name));
    assert.deepEqual(await copyTree(from, to, { warn }), { files: 0, bytes: 0 });
    for (const [name, target] of Object.entries(links)) assert.equal(readlinkSync(join(to, name)), target);
  });

  it("rewrites links that end inside the folder but would lead elsewhere from the copy", async (context) => {
    const { from, to } = places(context);
    mkdirSync(join(from, "sub"));
    writeFileSync(join(from, "file"), "1");
    symlinkSync(join(from, "file"), join(from, "sub", "absolute"));
    symlinkSync("../../from/file", join(from, "sub", "detour"));
    symlinkSync("../file", join(from, "sub", "direct"));
    symlinkSync(join(from, "none"), join(from, "broken"));
    await copyTree(from, to, { warn });
    for (const name of ["absolute", "detour", "direct"]) assert.equal(readlinkSync(join(to, "sub", name)), "../file");
    assert.equal(readlinkSync(join(to, "broken")), join(from, "none"));
  });

  it("copies files one by one on a file system without hard links", async (context) => {
    const { from, to } = places(context);
    writeFileSync(join(from, "a"), "12");
    linkSync(join(from, "a"), join(from, "b"));
    // Simulates a FUSE volume without hard links, on which linkat(2) fails with EPERM.
    context.mock.method(fs, "linkSync", () => {
      throw Object.assign(new Error("EPERM: operation not permitted, link"), { code: "EPERM", syscall: "link" });
    });
    syncBuiltinESMExports();
    context.after(() => {
      context.mock.restoreAll();
      syncBuiltinESMExports();
    });
    const warnings: string[] = [];
    assert.deepEqual(await copyTree(from, to, { warn: (text) => warnings.push(text) }), { files: 2, bytes: 4 });
    assert.equal(readFileSync(join(to, "b"), "utf8"), "12");
    assert.equal(statSync(join(to, "b")).nlink, 1);
    assert.equal(warnings.length, 1);
  });

  it("follows a symbolic link at the top", async (context) => {
    const { from, to } = places(context);
    writeFileSync(join(from, "file"), "1");
    symlinkSync("from", join(from, "..", "link"));
    assert.deepEqual(await copyTree(join(from, "..", "link"), to, { warn }), { files: 1, bytes: 1 });
    assert.ok(lstatSync(to).isDirectory());
  });

  it("keeps the bytes of names and link targets that are not UTF-8", async (context) => {
    const { from, to } = places(context);
    const name = Buffer.from([0x61, 0xff, 0xfe, 0x0a, 0xc3]);
    const at = (folder: string, ...parts: Buffer[]) =>
      Buffer.concat([Buffer.from(folder), ...parts.flatMap((part) => [Buffer.from("/"), part])]);
    try {
      mkdirSync(at(from, name));
      writeFileSync(at(from, name, name), "12");
      symlinkSync(name, at(from, name, Buffer.from("link")));
      assert.deepEqual(await copyTree(from, to, { warn }), { files: 1, bytes: 2 });
      assert.deepEqual(readdirSync(to, { encoding: "buffer" }), [name]);
      assert.equal(readFileSync(at(to, name, name), "utf8"), "12");
      assert.deepEqual(readlinkSync(at(to, name, Buffer.from("link")), { encoding: "buffer" }), name);
      assert.deepEqual(grantReadAccess(to, report), { files: 1, bytes: 2 });
    } finally {
      for (const folder of [from, to]) rmSync(folder, { recursive: true, force: true });
    }
  });

  it("skips each socket and FIFO with a warning", async (context) => {
    const { from, to } = places(context);
    execFileSync("mkfifo", [join(from, "fifo")]);
    const server = createServer().listen(join(from, "socket"));
    await once(server, "listening");
    writeFileSync(join(from, "file"), "");
    const warnings: string[] = [];
    try {
      const size = await copyTree(from, to, { warn: (message) => warnings.push(message) });
      assert.deepEqual(size, { files: 1, bytes: 0 });
    } finally {
      server.close();
    }
    const [fifo, socket] = [join(from, "fifo"), join(from, "socket")];
    assert.deepEqual(warnings.sort(), [`skipped ${fifo}: it is a FIFO`, `skipped ${socket}: it is a socket`]);
    assert.deepEqual(readdirSync(to), ["file"]);
  });

  it("merges with an existing folder, and replaces files and links without writing through a link", async (context) => {
    const { from, to } = places(context);
    mkdirSync(to);
    const outside = join(to, "..", "outside");
    writeFileSync(outside, "untouched");
    writeFileSync(join(to, "kept"), "");
    symlinkSync(outside, join(to, "file"));
    writeFileSync(join(to, "link"), "old");
    writeFileSync(join(from, "file"), "new");
    symlinkSync("file", join(from, "link"));
    await copyTree(from, to, { warn });
    assert.deepEqual(readdirSync(to).sort(), ["file", "kept", "link"]);
    assert.ok(lstatSync(join(to, "file")).isFile());
    assert.equal(readlinkSync(join(to, "link")), "file");
    assert.equal(readFileSync(outside, "utf8"), "untouched");
  });

  it("fails with the path of a missing source", async (context) => {
    const { from, to } = places(context);
    await assert.rejects(copyTree(join(from, "none"), to, { warn }), fails("noInput", /^cannot read .*none$/));
  });

  it("fails with the path of the target and the given code if the target cannot be written", async (context) => {
    const { from, to } = places(context);
    writeFileSync(join(from, "file"), "");
    writeFileSync(to, "");
    await assert.rejects(copyTree(from, to, { warn }), fails("copyFailed", /^cannot write .*to$/));
    const inputs = { warn, writeFailure: "cannotCreate" } as const;
    await assert.rejects(copyTree(from, to, inputs), fails("cannotCreate", /^cannot write .*to$/));
    await assert.rejects(copyTree(join(from, "file"), join(to, "x"), { warn }), fails("copyFailed", /^cannot write /));
  });
});

describe("grantReadAccess", () => {
  it("counts as copyTree does, and follows a symbolic link only at the top", async (context) => {
    const { from, to } = places(context);
    mkdirSync(join(from, "folder"));
    writeFileSync(join(from, "folder", "a"), "12");
    linkSync(join(from, "folder", "a"), join(from, "b"));
    symlinkSync("/etc", join(from, "etc"));
    symlinkSync("from", join(from, "..", "link"));
    const size = await copyTree(from, to, { warn });
    assert.deepEqual(size, { files: 2, bytes: 4 });
    assert.deepEqual(grantReadAccess(from, report), size);
    assert.deepEqual(grantReadAccess(join(from, "..", "link"), report), size);
    assert.deepEqual(grantReadAccess(join(from, "b"), report), { files: 1, bytes: 2 });
  });

  it("counts a folder with more names than a call can have arguments", (context) => {
    const { from } = places(context);
    execFileSync("sh", ["-c", "seq 15000 | xargs touch"], { cwd: from });
    const module = import.meta.resolve("shared/fs/read-access");
    const program = `import { grantReadAccess } from "${module}"; console.log(grantReadAccess(process.argv[1], () => {}).files);`;
    // A call can usually have about 120,000 arguments. A small stack lowers this limit.
    const args = ["--stack-size=120", "--input-type=module", "-e", program, from];
    assert.equal(execFileSync(process.execPath, args, { encoding: "utf8" }), "15000\n");
  });
});
