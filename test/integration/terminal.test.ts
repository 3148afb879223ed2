/** On a terminal a push draws bars, elsewhere and with --no-tty it writes plain lines. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { findProgram } from "../../support/debian.ts";
import { run, toolPath } from "../../support/tools.ts";
import { noise } from "../support/noise.ts";
import { temporaryFolder } from "../support/temporary.ts";

const SCRIPT = findProgram("script");

describe("a push on a terminal", { skip: SCRIPT === undefined && "there is no script (util-linux)" }, () => {
  /** The output of a push on a terminal. Replaces the escape character by ESC. */
  async function onTerminal(t: TestContext, env: Record<string, string>, ...more: string[]): Promise<string> {
    const cwd = temporaryFolder(t);
    writeFileSync(join(cwd, "large"), noise(32 << 20));
    const command = [toolPath("oras-push"), "--oci-layout", "layout:1", "large", ...more].join(" ");
    const options = { cwd, env: { PATH: process.env.PATH, TERM: "xterm", SHELL: "/bin/sh", ...env } };
    const { code, stdout } = await run(SCRIPT as string, ["-qec", `stty cols 60; ${command}`, "/dev/null"], options);
    assert.equal(code, 0, stdout);
    return stdout.replaceAll("\x1b", "ESC");
  }

  it("draws bars that fit, and leaves one line per blob", async (t) => {
    const output = await onTerminal(t, {});
    assert.match(output, /\[=* +\] +\d+% [\d.]+ \w?B\/33\.6 MB [\d.]+ \w?B\/s large/);
    assert.doesNotMatch(output, /Uploading/);
    assert.match(output, /ESC\[1A\rUploaded {2}[0-9a-f]{12} largeESC\[K\r\nESC\[JPushed \[oci-layout\] layout:1\r\n/);
  });

  it("writes plain lines with --no-tty and on a dumb terminal", async (t) => {
    for (const output of [await onTerminal(t, {}, "--no-tty"), await onTerminal(t, { TERM: "dumb" })]) {
      assert.match(output, /^Uploading \.{12} large\r\nUploaded {2}[0-9a-f]{12} large\r\nPushed /);
      assert.ok(!output.includes("ESC"));
    }
  });
});
