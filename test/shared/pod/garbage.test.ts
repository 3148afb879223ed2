/** The garbage of a process that waits. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { run } from "../../../support/tools.ts";

/** The collection must free more than this number of bytes. The script below creates enough garbage for this. */
const EXPECTED = 4_000_000;

it("collects the garbage of a process that has waited for a second", async () => {
  const module = JSON.stringify(import.meta.resolve("shared/pod/garbage"));
  const script = `
    const { collectWhenSettled } = await import(${module});
    let garbage = Array.from({ length: 200_000 }, (_, index) => ({ index, text: String(index) }));
    garbage = undefined;
    const before = process.memoryUsage().heapUsed;
    const stop = collectWhenSettled();
    setTimeout(() => {
      stop();
      console.log(before - process.memoryUsage().heapUsed);
    }, 1500);`;
  const { stdout, stderr } = await run(process.execPath, ["--input-type=module", "-e", script]);
  assert.ok(Number(stdout) > EXPECTED, `freed ${stdout.trim()} bytes ${stderr}`);
});
