import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, linkSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ArchiveError } from "oras-push/tar/archive-error";
import { type ArchiveEntry, readArchive } from "oras-push/tar/read";
import { rawPath } from "shared/fs/byte-path";
import { temporaryFolder } from "../../support/temporary.ts";
import { collect, type Entry, noise, pieces, tarOf } from "../support.ts";

type Read = Omit<ArchiveEntry, "content"> & { readonly bytes: Buffer };

async function read(archive: AsyncIterable<Buffer>): Promise<Read[]> {
  const found: Read[] = [];
  for await (const { content, ...entry } of readArchive(archive))
    found.push({ ...entry, bytes: await collect(content as AsyncIterable<Buffer>) });
  return found;
}

/** The values of an entry that most tests compare. */
const brief = ({ name, type, target, mtime, bytes }: Read) => ({
  name,
  type,
  target,
  seconds: mtime.getTime() / 1000,
  bytes: bytes.toString("latin1"),
});

/** An extended header before an entry. */
function extended(records: string): Entry {
  return { name: "PaxHeader", flag: "x", content: Buffer.from(records, "latin1") };
}

describe("archives of GNU tar", () => {
  const OLD = -86_400;
  const long = `t/${"d".repeat(90)}/${"f".repeat(120)}`;
  for (const [format, names, oldest] of [
    ["v7", ["t/short"], 1000],
    ["ustar", ["t/short", "t/odd\xff\xfe", `t/${"d".repeat(90)}/${"f".repeat(80)}`], 1000],
    ["oldgnu", ["t/short", "t/odd\xff\xfe", long, `${long}${"x".repeat(100)}`], OLD],
    ["gnu", ["t/short", "t/odd\xff\xfe", long, `${long}${"x".repeat(100)}`], OLD],
    ["pax", ["t/short", "t/odd\xff\xfe", "t/gr\xc3\xb6\xc3\x9fe", long, `t/new\nline`], OLD],
  ] as const)
    it(`are read in the format ${format}, with the bytes of names, contents, links and times`, async (t) => {
      const folder = temporaryFolder(t);
      mkdirSync(join(folder, "t", "d".repeat(90)), { recursive: true });
      for (const name of names) {
        const path = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, "latin1")]);
        writeFileSync(path, `content of ${name}`, "latin1");
        utimesSync(path, new Date(oldest * 1000), new Date(oldest * 1000));
      }
      // The formats v7 and ustar cannot store the long path as the target of a link.
      const target = oldest === OLD ? (names.at(-1)?.slice(2) as string) : "short";
      symlinkSync(rawPath(target), join(folder, "t", "link"));
      lutimesSync(join(folder, "t", "link"), new Date(1e6), new Date(1e6));
      linkSync(join(folder, "t", "short"), join(folder, "t", "short2"));
      const made = spawnSync("tar", [`--format=${format}`, "--sort=name", "-cf", "-", "t"], { cwd: folder });
      assert.equal(made.status, 0, made.stderr.toString());
      for (const size of [1 << 20, 333]) {
        const found = (await read(pieces(made.stdout, size))).map(brief);
        for (const name of names)
          assert.deepEqual(
            found.find((entry) => entry.name === name),
            { name, type: "file", target: "", seconds: oldest, bytes: `content of ${name}` },
          );
        assert.deepEqual(
          found.find(({ name }) => name === "t/link"),
          { name: "t/link", type: "symlink", target, seconds: 1000, bytes: "" },
        );
        const { type, target: first } = found.find(({ name }) => name === "t/short2") ?? {};
        assert.deepEqual([type, first], ["link", "t/short"]);
        assert.equal(found[0]?.type, "directory");
        assert.equal(found.length, names.length + 4);
      }
    });

  it("keep all bits of modes", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "f"), "");
    chmodSync(join(folder, "f"), 0o4755);
    const [entry] = await read(pieces(spawnSync("tar", ["-cf", "-", "f"], { cwd: folder }).stdout));
    assert.equal(entry?.mode, 0o4755);
  });
});

describe("archives", () => {
  it("are read to the end, even if bytes follow the last entry", async () => {
    let given = 0;
    async function* source() {
      for await (const piece of pieces(Buffer.concat([tarOf([{ name: "f" }]), Buffer.alloc(8192, "x")]), 512)) {
        given += piece.length;
        yield piece;
      }
    }
    assert.equal((await read(source())).length, 1);
    assert.equal(given, 512 + 1024 + 8192);
  });

  it("may end without closing blocks", async () => {
    assert.equal((await read(pieces(tarOf([{ name: "f", content: "x" }]).subarray(0, 1024)))).length, 1);
  });

  it("are read on if a content is not read", async () => {
    const bytes = tarOf([{ name: "a", content: noise(5000) }, { name: "b" }]);
    for (const size of [512, 1 << 20]) {
      const names = [];
      for await (const { name } of readArchive(pieces(bytes, size))) names.push(name);
      assert.deepEqual(names, ["a", "b"]);
    }
  });

  it("are closed when the reader stops", async () => {
    let closed = false;
    async function* source() {
      try {
        yield* pieces(tarOf([{ name: "a" }, { name: "b" }]), 512);
      } finally {
        closed = true;
      }
    }
    for await (const _ of readArchive(source())) break;
    assert.equal(closed, true);
  });

  it("may have sizes from 8 GiB in GNU's base 256", async () => {
    const bytes = tarOf([{ name: "f" }]);
    bytes.writeUInt8(0x80, 124);
    bytes.writeUIntBE(0, 125, 5);
    bytes.writeUIntBE(9 * 2 ** 30, 130, 6);
    bytes.fill(" ", 148, 156);
    const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    const first = await readArchive(pieces(bytes)).next();
    assert.equal((first.value as ArchiveEntry).size, 9 * 2 ** 30);
  });

  it("apply a global header to every entry, unless an entry's own header overrides it", async () => {
    const everywhere = { ...extended("13 mtime=100\n"), flag: "g" } as const;
    const found = await read(pieces(tarOf([everywhere, { name: "a" }, extended("13 mtime=2.5\n"), { name: "b" }])));
    assert.deepEqual(
      found.map(({ name, mtime }) => [name, mtime.getTime()]),
      [
        ["a", 100_000],
        ["b", 2500],
      ],
    );
  });

  const cut = (bytes: Buffer, at: number) => bytes.subarray(0, at);
  const one = tarOf([{ name: "f", content: noise(700) }]);
  for (const [what, bytes, message] of [
    ["truncated in a header", cut(one, 300), /truncated/],
    ["truncated in a content", cut(one, 1024), /truncated/],
    ["truncated in the padding", cut(one, 1300), /truncated/],
    ["truncated in an extended header", cut(tarOf([extended(`600 path=${"x".repeat(590)}\n`)]), 1024), /truncated/],
    [
      "that end after an extended header",
      tarOf([extended("12 path=abc\n")]),
      /ends with an extended header that has no entry/,
    ],
    ["with a wrong checksum", Buffer.concat([Buffer.from("x"), one.subarray(1)]), /checksum/],
    ["that are text", Buffer.alloc(2048, "text "), /checksum|number/],
    ["with a wrong length in an extended header", tarOf([extended("99 path=abc\n"), { name: "f" }]), /invalid record/],
    ["without a length in an extended header", tarOf([extended("path=abc\n"), { name: "f" }]), /invalid record/],
    [
      "with a negative length in an extended header",
      tarOf([extended("-5 path=abc\n"), { name: "f" }]),
      /invalid record/,
    ],
    ["with a negative size", tarOf([extended("11 size=-5\n"), { name: "f" }]), /invalid size/],
    ["with a size that is not a number", tarOf([extended("11 size=ab\n"), { name: "f" }]), /invalid number/],
    ["with an invalid time", tarOf([extended("17 mtime=9999e99\n"), { name: "f" }]), /invalid number/],
    ["with a time out of range", tarOf([extended("24 mtime=99999999999999\n"), { name: "f" }]), /invalid time/],
  ] as const)
    it(`are rejected: ${what}`, async () => {
      for (const size of [512, 1 << 20])
        await assert.rejects(read(pieces(bytes, size)), (error: unknown) => {
          assert.ok(error instanceof ArchiveError, String(error));
          assert.match(error.message, message);
          return true;
        });
    });

  it("are rejected before a too long extended header is read", async () => {
    const header = tarOf([extended("x")]).subarray(0, 512);
    header.write("77777777777", 124);
    header.fill(" ", 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    await assert.rejects(read(pieces(header)), /too long/);
  });
});
