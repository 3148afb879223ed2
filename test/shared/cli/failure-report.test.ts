import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failureReport } from "shared/cli/failure-report";
import { InterruptedError, ToolError } from "shared/cli/tool-error";

describe("the report of a failure", () => {
  it("is the message, the reason and the hint, each on one line", () => {
    const error = new ToolError("noInput", "cannot read a\nb", { why: "it is\rgone", hint: "look\nelsewhere" });
    assert.equal(
      failureReport("tool", error, false),
      "tool: cannot read a\\nb (it is\\rgone)\nhint: look\\nelsewhere\n",
    );
  });

  it("is one line if there is no hint", () => {
    assert.equal(failureReport("tool", new ToolError("noInput", "no input"), false), "tool: no input\n");
  });

  it("names the signal that ended the tool, without a stack trace", () => {
    assert.equal(failureReport("tool", new InterruptedError("SIGTERM", 15), true), "tool: ended by SIGTERM\n");
  });

  it("tells how to see the stack trace of an internal error", () => {
    const [line, hint] = failureReport("tool", new TypeError("x is not a function"), false).split("\n");
    assert.equal(line, "tool: x is not a function");
    assert.match(hint ?? "", /^hint: .*--debug or ORAS_DEBUG=true/);
  });

  it("has the stack traces of all causes on request", () => {
    const cause = new Error("the cause", { cause: new Error("the first cause") });
    const report = failureReport("tool", new ToolError("noInput", "no input", { cause }), true);
    assert.match(report, /^tool: no input\nToolError: no input\n +at /);
    assert.match(report, /\ncaused by Error: the cause\n +at [\s\S]*\ncaused by Error: the first cause\n +at /);
  });
});
