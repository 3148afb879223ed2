import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FailureCode, InterruptedError, oneLine, ToolError } from "shared/cli/tool-error";
import { EXIT_CODES } from "shared/cli/exit-codes";
import { reasonOf } from "shared/fs/system-error";

describe("failures", () => {
  for (const [code, exitCode] of Object.entries(EXIT_CODES))
    it(`${code} ends with ${exitCode}`, () => {
      assert.equal(new ToolError(code as FailureCode, "x").exitCode, exitCode);
    });

  it("the end by a signal is 128 + its number", () => {
    const error = new InterruptedError("SIGTERM", 15);
    assert.equal(error.exitCode, 143);
    assert.equal(error.message, "ended by SIGTERM");
  });

  it("text with any control character stays on one line", () => {
    assert.equal(oneLine('a\nb\r\tc\u0000"\\é'), 'a\\nb\\r\\tc\\u0000"\\é');
    assert.equal(oneLine("a\u007fb\u001b[31m"), "a\\u007fb\\u001b[31m");
  });

  it("a system's error becomes plain words, any other its message on one line", () => {
    assert.equal(
      reasonOf(Object.assign(new Error("ENOSPC: no space, write"), { code: "ENOSPC" })),
      "no space left on device",
    );
    assert.equal(reasonOf(new Error("a\nb")), "a\\nb");
    assert.equal(reasonOf("text"), "text");
  });
});
