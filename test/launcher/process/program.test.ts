/** Programs that the kernel does not run. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { done, launch, places } from "../launching.ts";

/**
 * In an ELF file, the field `e_machine` contains the number of a machine type. These are the numbers of this machine
 * and of another machine.
 */
const [OWN, OTHER] = process.arch === "arm64" ? [183, 62] : [62, 183];

/** Returns an ELF file that a shell could also interpret. The shell would then create the file `junk`. */
function elfFile(type: number, machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.write("\x7fELF\x02\x01\x01", "latin1");
  header.writeUInt16LE(type, 16);
  header.writeUInt16LE(machine, 18);
  return Buffer.concat([header, Buffer.from("\ntouch junk\nexit 3\n")]);
}

describe("a program", { timeout: 30_000 }, () => {
  for (const [what, content] of [
    ["of another machine", elfFile(2, OTHER)],
    ["that is an object file", elfFile(1, OWN)],
  ] as const)
    it(`ends with 126 if it is one ${what}: no shell interprets it`, async (context) => {
      const at = places(context);
      mkdirSync(join(at.folder, "bin"));
      const file = join(at.folder, "bin", "program");
      writeFileSync(file, content, { mode: 0o755 });
      const env = { PATH: `${join(at.folder, "missing")}:${join(at.folder, "bin")}:/usr/bin:/bin` };
      for (const command of [file, "bin/program", "program"]) {
        const { code, stderr } = await launch(at, ["--", command], { env });
        assert.equal(code, 126, stderr);
        assert.match(stderr, /cannot start the command: exec format error/);
        assert.equal(done(at).exitCode, 126);
      }
      assert.deepEqual(readdirSync(at.folder).sort(), ["bin", "share"]);
    });

  it("is run by sh if it is a script without an interpreter line", async (context) => {
    const at = places(context);
    writeFileSync(join(at.folder, "script"), 'echo "$1"\nexit 3\n', { mode: 0o755 });
    const { code, stdout } = await launch(at, ["--", "./script", "word"]);
    assert.deepEqual([code, stdout], [3, "word\n"]);
  });

  it("is found in the default folders if PATH is not set", async (context) => {
    const { code } = await launch(places(context), ["--", "sh", "-c", "exit 4"], { env: {} });
    assert.equal(code, 4);
  });
});
