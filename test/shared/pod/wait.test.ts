import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { anySignal, deadline } from "shared/cli/deadline";
import { silent } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { waitUntil } from "shared/pod/wait";
import { temporaryFolder } from "../../support/temporary.ts";
import { FIRST_WATCHED_CHECK, inotifyWatches, NEVER, nextTurn, recordingLog, waitForPaths } from "./waiting.ts";

describe("waitUntil", { timeout: 10_000 }, () => {
  it("returns the value of the check", async () => {
    assert.equal(await waitUntil(async () => 0, { paths: [] }), 0);
  });

  it("checks again at each poll if no change is reported", async (context) => {
    let checks = 0;
    const check = async () => (++checks > 5 ? checks : undefined);
    assert.equal(await waitUntil(check, { paths: [join(temporaryFolder(context), "x")], pollSeconds: 0.05 }), 6);
  });

  it("checks again for a change during a check", { timeout: 5000 }, async () => {
    let report = () => {};
    const changes = (given: () => void) => {
      report = given;
      return () => {};
    };
    let checks = 0;
    const check = async () => {
      // Each call of `report` must cause another check. Otherwise, the number of checks never reaches 20.
      if (++checks === 20) return "found";
      await nextTurn();
      report();
      await nextTurn();
      return undefined;
    };
    assert.equal(await waitUntil(check, { paths: [], changes, pollSeconds: NEVER }), "found");
  });

  it("never runs two checks at the same time", { timeout: 5000 }, async () => {
    let report = () => {};
    const changes = (given: () => void) => {
      report = given;
      return () => {};
    };
    let [running, checks] = [0, 0];
    const check = async () => {
      assert.equal(++running, 1);
      // Calls `report` while this check runs. The next check must not start before this check has ended.
      for (let turn = 0; turn < 10; turn++) {
        report();
        await nextTurn();
      }
      running--;
      return ++checks > 5 ? true : undefined;
    };
    await waitUntil(check, { paths: [], changes, pollSeconds: NEVER });
  });

  it("checks again when an existing path changes", async (context) => {
    const path = join(temporaryFolder(context), "marker");
    writeFileSync(path, "{");
    const { log, line } = recordingLog();
    let checks = 0;
    const check = async () => {
      log(`check ${++checks}`);
      return readFileSync(path, "utf8") === "{}" ? "whole" : undefined;
    };
    const result = waitUntil(check, { paths: [path], pollSeconds: NEVER });
    await line(`check ${FIRST_WATCHED_CHECK}`);
    writeFileSync(path, "{}");
    assert.equal(await result, "whole");
  });

  it("throws the error of the check, and stops its watches", async (context) => {
    const before = inotifyWatches();
    let checks = 0;
    const check = async () => {
      if (++checks > 1) throw new Error("broken");
      return undefined;
    };
    await assert.rejects(waitUntil(check, { paths: [join(temporaryFolder(context), "x")] }), /^Error: broken$/);
    assert.equal(inotifyWatches(), before);
  });

  it("throws the reason of the signal, and does not check at all if the signal has aborted before", async (context) => {
    const paths = [join(temporaryFolder(context), "x")];
    const controller = new AbortController();
    const waiting = waitForPaths({ paths, pollSeconds: NEVER, signal: controller.signal });
    const reason = new Error("enough");
    await nextTurn();
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    const check = () => assert.fail("checked");
    await assert.rejects(waitUntil(check, { paths, signal: controller.signal }), reason);
  });
});

describe("deadline", () => {
  it("returns undefined without a time, and for a time that is too long for a timer", () => {
    assert.equal(
      deadline(undefined, () => "x"),
      undefined,
    );
    assert.equal(
      deadline(1e9, () => "x"),
      undefined,
    );
  });

  it("allows the first check if the time is 0", async (context) => {
    const folder = temporaryFolder(context);
    assert.deepEqual(await waitForPaths({ paths: [folder], signal: deadline(0, () => "x") }), [folder]);
  });

  it("aborts with a time-out failure that names the missing event", async (context) => {
    const paths = [join(temporaryFolder(context), "x")];
    await assert.rejects(waitForPaths({ paths, signal: deadline(0.05, () => "the path"), log: silent }), (error) => {
      assert.ok(error instanceof ToolError);
      assert.equal(error.exitCode, 124);
      assert.equal(error.message, "the path: timed out after 0.05 s");
      return true;
    });
  });

  it("is combined by anySignal, which ignores undefined signals", () => {
    const controller = new AbortController();
    const signal = anySignal(undefined, controller.signal);
    assert.equal(signal.aborted, false);
    controller.abort();
    assert.equal(signal.aborted, true);
    assert.equal(anySignal(undefined).aborted, false);
  });
});
