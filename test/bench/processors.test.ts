import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, it } from "node:test";
import type { Contestant } from "../../scripts/bench/bench.ts";
import { allowedProcessors } from "../../scripts/bench/machine.ts";
import { type Job, measure } from "../../scripts/bench/measure.ts";
import { onProcessors } from "../../scripts/bench/pushers.ts";

describe("contestants on some processors", () => {
  it("use only these processors", async () => {
    const allowed = allowedProcessors();
    assert.equal(allowed.length, availableParallelism());
    const last = allowed.at(-1) as number;
    const job: Job = { argv: ["sh", "-c", "grep Cpus_allowed_list /proc/self/status"] };
    const [limited] = onProcessors([{ name: "oras-push", job: () => job }], [last]);
    const { stdout } = await measure((await limited?.job?.(0)) as Job);
    assert.equal(stdout.trim(), `Cpus_allowed_list:\t${last}`);
  });

  it("stay unavailable if the machine lacks the program", () => {
    const contestant: Contestant = { name: "oras push", job: undefined, rounds: 1 };
    assert.deepEqual(onProcessors([contestant], [0]), [contestant]);
  });
});
