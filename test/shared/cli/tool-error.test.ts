import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EXIT_CODES, type FailureCode } from "shared/cli/exit-codes";
import { exitCodeOf, InterruptedError, oneLine, ToolError } from "shared/cli/tool-error";
import { reasonOf } from "shared/fs/system-error";

describe("failures", () => {
  it("have the exit code of their name", () => {
    for (const [name, { code }] of Object.entries(EXIT_CODES)) {
      const error = new ToolError(name as FailureCode, "x");
      assert.deepEqual([error.exitCode, exitCodeOf(error)], [code, code]);
    }
    assert.equal(exitCodeOf(new Error("x")), 70);
  });

  it("have different exit codes", () => {
    const codes = Object.values(EXIT_CODES).map(({ code }) => code);
    assert.equal(new Set(codes).size, codes.length);
  });

  it("have the exit code 128 + n if signal n ended the tool", () => {
    const error = new InterruptedError("SIGTERM", 15);
    assert.deepEqual([error.exitCode, exitCodeOf(error)], [143, 143]);
    assert.equal(error.message, "ended by SIGTERM");
  });

  it("stay on one line, whatever control characters they contain", () => {
    assert.equal(oneLine('a\nb\r\tc\u0000"\\é'), 'a\\nb\\r\\tc\\u0000"\\é');
    assert.equal(oneLine("a\u007fb\u001b[31m"), "a\\u007fb\\u001b[31m");
  });

  it("describe a system error in plain words, and any other by its message on one line", () => {
    assert.equal(
      reasonOf(Object.assign(new Error("ENOSPC: no space, write"), { code: "ENOSPC" })),
      "no space left on device",
    );
    assert.equal(reasonOf(new Error("a\nb")), "a\\nb");
    assert.equal(reasonOf("text"), "text");
  });
});
