import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { holderGone, endedFor } from "shared/pod/lease-end";
import type { LeaseState } from "shared/pod/lease-state";

const NONE: LeaseState = { kind: "none" };
const held = (id: string): LeaseState => ({ kind: "held", id });
const ended = (id: string): LeaseState => ({ kind: "ended", id });

describe("the place of a lease's holder", () => {
  /** Asks after each state, at each moment in seconds, whether the place is vacant with a patience of 10 s. */
  async function vacant(...seen: readonly (readonly [number, LeaseState])[]): Promise<boolean[]> {
    let now = 0;
    let state = NONE;
    const isVacant = endedFor(
      async () => state,
      10,
      () => now,
    );
    const answers: boolean[] = [];
    for (const [seconds, lease] of seen) {
      now = seconds * 1000;
      state = lease;
      answers.push(await isVacant());
    }
    return answers;
  }

  it("is vacant when it was without one for as long as said, counted from when that was seen", async () => {
    assert.deepEqual(await vacant([5, held("a")], [90, ended("a")], [99, ended("a")], [100, ended("a")]), [
      false,
      false,
      false,
      true,
    ]);
  });

  it("is not vacant where nobody was ever seen", async () => {
    assert.deepEqual(await vacant([0, NONE], [1000, NONE]), [false, false]);
  });

  it("another holder begins the time anew, seen alive or not", async () => {
    assert.deepEqual(await vacant([0, ended("a")], [9, held("b")], [11, ended("b")], [20, ended("b")]), [
      false,
      false,
      false,
      false,
    ]);
    assert.deepEqual(await vacant([0, ended("a")], [11, ended("b")], [21, ended("b")]), [false, false, true]);
  });
});

describe("the holder of a lease", () => {
  it("is gone when the lease was seen held and is given back, or when it has ended", async () => {
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
