/** On a terminal, a push or pull draws bars. With --no-tty or on a dumb terminal, it writes plain lines. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { findProgram } from "../../support/debian.ts";
import { run, runTool, toolPath } from "../../support/tools.ts";
import { noise } from "../support/noise.ts";
import { temporaryFolder } from "../support/temporary.ts";

const SCRIPT = findProgram("script");
const PUSH = ["--oci-layout", "other:1", "large"];
const PULL = ["pull", "--oci-layout", "layout:1", "-o", "out"];

/** Creates a folder with a large file, and with an OCI layout that contains this file. */
async function workplace(t: TestContext): Promise<string> {
  const cwd = temporaryFolder(t);
  writeFileSync(join(cwd, "large"), noise(32 << 20));
  assert.equal((await runTool("oras-push", ["--oci-layout", "layout:1", "large"], { cwd })).code, 0);
  return cwd;
}

/** Returns the output of `oras-push` on a pseudo-terminal. Replaces the escape character by ESC. */
async function onTerminal(cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const command = `test -t 1 && test -t 2 && stty cols 60 && ${[toolPath("oras-push"), ...args].join(" ")}`;
  const options = { cwd, env: { PATH: process.env.PATH, TERM: "xterm", SHELL: "/bin/sh", ...env } };
  const { code, stdout } = await run(SCRIPT as string, ["-qec", command, "/dev/null"], options);
  assert.equal(code, 0, stdout);
  return stdout.replaceAll("\x1b", "ESC");
}

/** Splits an output into lines, and replaces its digests by words. */
function linesOf(output: string): string[] {
  return output
    .replaceAll(/\b[0-9a-f]{64}\b/g, "DIGEST")
    .replaceAll(/\b[0-9a-f]{12}\b/g, "SHORT")
    .split("\r\n");
}

describe("oras-push on a terminal", { skip: SCRIPT === undefined && "there is no script (util-linux)" }, () => {
  for (const [name, args, done, end] of [
    ["push", PUSH, "Uploaded ", "Pushed \\[oci-layout\\] other:1"],
    ["pull", PULL, "Downloaded ", "Pulled \\[oci-layout\\] layout:1"],
  ] as const)
    it(`draws bars that fit for a ${name}, and leaves one line per blob`, async (t) => {
      const cwd = await workplace(t);
      const output = await onTerminal(cwd, args);
      assert.match(output, /\[=* +\] +\d+% [\d.]+ \w?B\/33\.6 MB [\d.]+ \w?B\/s large/);
      assert.doesNotMatch(output, /Uploading|Downloading/);
      const rest = `${done} [0-9a-f]{12} largeESC\\[K\\r\\nESC\\[J${end}\\r\\n`;
      assert.match(output, new RegExp(`ESC\\[1A\\r${rest}`));
    });

  for (const [when, env, more] of [
    ["with --no-tty", {}, ["--no-tty"]],
    ["on a dumb terminal", { TERM: "dumb" }, []],
  ] as const)
    it(`writes plain lines and no escape sequence ${when}`, async (t) => {
      const cwd = await workplace(t);
      const pulled = await onTerminal(cwd, [...PULL, ...more], env);
      const pushed = await onTerminal(cwd, [...PUSH, ...more], env);
      assert.doesNotMatch(pulled + pushed, /ESC|[^\x20-\x7e\r\n]/);
      assert.deepEqual(linesOf(pulled), [
        "Downloading SHORT large",
        "Downloaded  SHORT large",
        "Pulled [oci-layout] layout:1",
        "Digest: sha256:DIGEST",
        "",
      ]);
      assert.deepEqual(linesOf(pushed), [
        "Uploading ............ large",
        "Uploaded  SHORT large",
        "Pushed [oci-layout] other:1",
        "Digest: sha256:DIGEST",
        "",
      ]);
    });
});
