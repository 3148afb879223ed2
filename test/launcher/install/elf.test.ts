/** The loader's name in an executable. */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ELF_HEAD_SIZE, interpreterEdit, interpreterSegment } from "launcher/install/elf";
import { DIST } from "../../../support/paths.ts";
import { run } from "../../../support/tools.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const PROGRAM = readFileSync(process.execPath);

/** The loader that an executable names. */
function loaderOf(executable: Buffer): string | undefined {
  const segment = interpreterSegment(executable.subarray(0, ELF_HEAD_SIZE));
  if (segment === undefined) return undefined;
  return executable.toString("utf8", segment.offset, segment.offset + segment.size);
}

/** An executable with another loader. */
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

describe("an executable's loader", () => {
  it("is read with the NUL that ends its path", () => {
    assert.match(loaderOf(PROGRAM) ?? "", /^\/lib(64)?\/ld-linux-[\w-]+\.so\.\d\0$/);
  });

  it("is none in a static executable, a script, an empty file, a file that is cut short", () => {
    const tini = readFileSync(join(DIST, "lib", "tini"));
    const others = [tini, Buffer.from("#!/bin/sh\n".repeat(20)), Buffer.alloc(0), PROGRAM.subarray(0, 100)];
    assert.deepEqual(others.map(loaderOf), [undefined, undefined, undefined, undefined]);
  });

  it("is none in a 32-bit or big-endian executable, which is laid out otherwise", () => {
    for (const at of [4, 5]) {
      const other = Buffer.from(PROGRAM.subarray(0, ELF_HEAD_SIZE));
      other[at] = other[at] === 1 ? 2 : 1;
      assert.equal(interpreterSegment(other), undefined);
    }
  });

  it("is another one after the edit, and nothing else has changed", () => {
    const edited = withLoader(PROGRAM, "/somewhere/else/ld.so");
    assert.equal(loaderOf(edited), "/somewhere/else/ld.so\0");
    const { header } = interpreterSegment(PROGRAM) ?? { header: 0 };
    PROGRAM.copy(edited, header + 8, header + 8, header + 16);
    PROGRAM.copy(edited, header + 32, header + 32, header + 48);
    assert.ok(edited.subarray(0, PROGRAM.length).equals(PROGRAM));
  });

  it("a second edit takes the place of the first: the same bytes, whatever was there before", () => {
    const once = withLoader(PROGRAM, "/a/ld.so");
    assert.ok(withLoader(withLoader(PROGRAM, "/a/much/longer/path/ld.so"), "/a/ld.so").equals(once));
  });

  it("is what the kernel then starts the executable with", async (context) => {
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
