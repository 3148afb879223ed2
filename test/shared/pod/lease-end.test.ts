import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { endedFor, holderGone } from "shared/pod/lease-end";
import type { LeaseState } from "shared/pod/lease-state";

const NONE: LeaseState = { kind: "none" };
const held = (id: string): LeaseState => ({ kind: "held", id });
const ended = (id: string): LeaseState => ({ kind: "ended", id });

describe("endedFor", () => {
  /**
   * Each argument is a time in seconds and the lease state at this time. For each argument, returns whether the lease
   * has been in the state `ended` for at least 10 s.
   */
  async function ended10s(...seen: readonly (readonly [number, LeaseState])[]): Promise<boolean[]> {
    let now = 0;
    let state = NONE;
    const hasEnded = endedFor(
      async () => state,
      10,
      () => now,
    );
    const answers: boolean[] = [];
    for (const [seconds, lease] of seen) {
      now = seconds * 1000;
      state = lease;
      answers.push(await hasEnded());
    }
    return answers;
  }

  it("is true after the given time, counted from the first reading of the ended state", async () => {
    assert.deepEqual(await ended10s([5, held("a")], [90, ended("a")], [99, ended("a")], [100, ended("a")]), [
      false,
      false,
      false,
      true,
    ]);
  });

  it("is false if nobody ever took the lease", async () => {
    assert.deepEqual(await ended10s([0, NONE], [1000, NONE]), [false, false]);
  });

  it("restarts the time at another holder, also if that was never seen alive", async () => {
    assert.deepEqual(await ended10s([0, ended("a")], [9, held("b")], [11, ended("b")], [20, ended("b")]), [
      false,
      false,
      false,
      false,
    ]);
    assert.deepEqual(await ended10s([0, ended("a")], [11, ended("b")], [21, ended("b")]), [false, false, true]);
  });
});

describe("holderGone", () => {
  it("is true if the lease was seen held and is released, or if it ended", async () => {
    for (const [states, gone] of [
      [[NONE], false],
      [[held("a")], false],
      [[held("a"), NONE], true],
      [[ended("a")], true],
    ] as const) {
      const pending = [...states];
      const isGone = holderGone(async () => pending.shift() ?? NONE);
      let last = false;
      for (const _ of states) last = await isGone();
      assert.equal(last, gone);
    }
  });
});
