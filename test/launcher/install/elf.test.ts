/** Reads and changes the path of the loader in an executable. */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  ELF_HEAD_SIZE,
  ELF_HEADER_SIZE,
  interpreterEdit,
  interpreterSegment,
  isElf,
  isRunnableElf,
} from "launcher/install/elf";
import { run } from "../../../support/tools.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const PROGRAM = readFileSync(process.execPath);

/** The path of an executable's loader, with its final NUL. */
function loaderOf(executable: Buffer): string | undefined {
  const segment = interpreterSegment(executable.subarray(0, ELF_HEAD_SIZE));
  if (segment === undefined) return undefined;
  return executable.toString("utf8", segment.offset, segment.offset + segment.size);
}

/** Returns a copy of an executable in which `path` is the path of the loader. */
function withLoader(executable: Buffer, path: string): Buffer {
  const segment = interpreterSegment(executable);
  assert.ok(segment);
  const { length, writes } = interpreterEdit(segment, executable.length, path);
  const size = Math.max(length, ...writes.map(({ position, bytes }) => position + bytes.length));
  const edited = Buffer.alloc(size);
  executable.copy(edited, 0, 0, length);
  for (const { position, bytes } of writes) bytes.copy(edited, position);
  return edited;
}

describe("an ELF file", () => {
  const own = PROGRAM.subarray(0, ELF_HEADER_SIZE);
  const arch = process.arch === "arm64" ? "x64" : "arm64";

  it("can be run by a machine of its own kind only", () => {
    assert.equal(isElf(own), true);
    assert.equal(isRunnableElf(own, process.arch), true);
    assert.equal(isRunnableElf(own, arch), false);
    assert.equal(isRunnableElf(own, "riscv64"), true, "an unknown machine decides itself");
  });

  it("can be run if it is a program for 32 bits of the same kind", () => {
    const program = Buffer.from("\x7fELF\x01\x01\x01".padEnd(52, "\0"), "latin1");
    program.writeUInt16LE(2, 16);
    program.writeUInt16LE(3, 18);
    assert.equal(isRunnableElf(program, "x64"), true);
    assert.equal(isRunnableElf(program, "arm64"), false);
  });

  it("cannot be run if it is truncated, big-endian or an object file", () => {
    assert.equal(isRunnableElf(own.subarray(0, 40), process.arch), false);
    for (const [at, value] of [
      [5, 2],
      [16, 1],
    ] as const) {
      const other = Buffer.from(own);
      other[at] = value;
      assert.equal(isRunnableElf(other, process.arch), false);
    }
  });

  it("is not a script or an empty file", () => {
    for (const text of ["#!/bin/sh\n", ""]) assert.equal(isElf(Buffer.from(text)), false);
  });
});

describe("the loader of an executable", () => {
  it("is read with the NUL that ends its path", () => {
    assert.match(loaderOf(PROGRAM) ?? "", /^\/lib(64)?\/ld-linux-[\w-]+\.so\.\d\0$/);
  });

  it("is undefined for a static executable, a script, an empty file and a truncated file", () => {
    const program = Buffer.from(PROGRAM);
    program.writeUInt32LE(0, interpreterSegment(program)?.header);
    const others = [program, Buffer.from("#!/bin/sh\n".repeat(20)), Buffer.alloc(0), PROGRAM.subarray(0, 100)];
    assert.deepEqual(others.map(loaderOf), [undefined, undefined, undefined, undefined]);
  });

  it("is undefined for a 32-bit or big-endian executable, which has another layout", () => {
    for (const at of [4, 5]) {
      const other = Buffer.from(PROGRAM.subarray(0, ELF_HEAD_SIZE));
      other[at] = other[at] === 1 ? 2 : 1;
      assert.equal(interpreterSegment(other), undefined);
    }
  });

  it("is replaced by the edit, which changes nothing else", () => {
    const edited = withLoader(PROGRAM, "/somewhere/else/ld.so");
    assert.equal(loaderOf(edited), "/somewhere/else/ld.so\0");
    const { header } = interpreterSegment(PROGRAM) ?? { header: 0 };
    PROGRAM.copy(edited, header + 8, header + 8, header + 16);
    PROGRAM.copy(edited, header + 32, header + 32, header + 48);
    assert.ok(edited.subarray(0, PROGRAM.length).equals(PROGRAM));
  });

  it("is the same after a second edit, whatever the first one was", () => {
    const once = withLoader(PROGRAM, "/a/ld.so");
    assert.ok(withLoader(withLoader(PROGRAM, "/a/much/longer/path/ld.so"), "/a/ld.so").equals(once));
  });

  it("is used by the kernel after the edit", async (context) => {
    const folder = temporaryFolder(context);
    const [loader, program] = [join(folder, "loader"), join(folder, "program")];
    copyFileSync((loaderOf(PROGRAM) ?? "").slice(0, -1), loader);
    chmodSync(loader, 0o755);
    writeFileSync(program, withLoader(PROGRAM, loader), { mode: 0o755 });
    const script = "console.log(require('node:fs').readFileSync('/proc/self/maps', 'utf8'))";
    const { code, stdout } = await run(program, ["-e", script]);
    assert.equal(code, 0);
    assert.ok(stdout.includes(loader));
  });
});
