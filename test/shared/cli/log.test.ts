import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { datedLog, plainLog, silent } from "shared/cli/log";

describe("the log", () => {
  it("writes a plain line as the text and a newline", () => {
    const written: string[] = [];
    plainLog((text) => written.push(text))("Command is echo");
    assert.deepEqual(written, ["Command is echo\n"]);
  });

  it("starts a dated line with the tool's name, the local date and the time, in two digits each", () => {
    const written: string[] = [];
    const log = datedLog(
      "wait-fs",
      (text) => written.push(text),
      () => new Date(2023, 0, 4, 6, 2, 5),
    );
    log("/mnt/oras");
    assert.deepEqual(written, ["🟧️  wait-fs: 2023/01/04 06:02:05 /mnt/oras\n"]);
  });

  it("reads the time for each dated line", () => {
    const times = [new Date(2023, 10, 4, 23, 59, 59), new Date(2023, 10, 5)];
    const written: string[] = [];
    const log = datedLog(
      "wait-fs",
      (text) => written.push(text),
      () => times.shift() ?? new Date(0),
    );
    log("a");
    log("b");
    assert.match(written[0] ?? "", /2023\/11\/04 23:59:59 a\n$/);
    assert.match(written[1] ?? "", /2023\/11\/05 00:00:00 b\n$/);
  });

  it("writes nothing if it is silent", () => {
    assert.equal(silent("x"), undefined);
  });
});
