import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { anySignal, deadline, MAX_TIMER } from "shared/cli/deadline";

describe("a deadline", () => {
  it("aborts with a time-out that says what is missing", async () => {
    let missing = "a and b";
    const signal = deadline(0.01, () => missing);
    missing = "b";
    while (signal?.aborted === false) await sleep(5);
    assert.equal(signal?.reason.exitCode, 124);
    assert.equal(signal?.reason.message, "b: timed out after 0.01 s");
  });

  it("is none without a number of seconds, or with more than a timer can run", () => {
    assert.equal(
      deadline(undefined, () => ""),
      undefined,
    );
    assert.equal(
      deadline(MAX_TIMER / 1000 + 1, () => ""),
      undefined,
    );
  });

  it("can be combined with other signals", () => {
    const controller = new AbortController();
    const signal = anySignal(undefined, controller.signal);
    assert.equal(signal.aborted, false);
    controller.abort();
    assert.equal(signal.aborted, true);
    assert.equal(anySignal(undefined).aborted, false);
  });
});
