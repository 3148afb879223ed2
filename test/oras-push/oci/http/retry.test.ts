import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { backOff, DEFAULT_RETRY, parseRetryAfter, retrying, type RetryDecision } from "oras-push/oci/http/retry";

const POLICY = { deadlineSeconds: 5, firstDelay: 1, longestDelay: 4 };
const never = new AbortController().signal;
const again = (): RetryDecision => ({ retry: true });

describe("trying again", () => {
  it("an attempt that fails twice is made three times", async () => {
    const heard: unknown[] = [];
    let tries = 0;
    const attempt = async () => {
      if (++tries < 3) throw new Error(`try ${tries}`);
      return "done";
    };
    const result = await retrying(attempt, again, POLICY, never, (error) => heard.push((error as Error).message));
    assert.equal(result, "done");
    assert.deepEqual(heard, ["try 1", "try 2"]);
  });

  it("a failure that will not pass is thrown at once", async () => {
    let tries = 0;
    const attempt = async () => {
      tries++;
      throw new Error("no");
    };
    await assert.rejects(
      retrying(attempt, () => ({ retry: false }), POLICY, never),
      /^Error: no$/,
    );
    assert.equal(tries, 1);
  });

  it("after the deadline the last failure is thrown", async () => {
    let tries = 0;
    const attempt = async () => {
      throw new Error(`try ${++tries}`);
    };
    await assert.rejects(retrying(attempt, again, { ...POLICY, deadlineSeconds: 0.05 }, never), (error: Error) => {
      assert.equal(error.message, `try ${tries}`);
      return tries > 1;
    });
  });

  it("a pause that the other side asked for is kept to", async () => {
    let pauses: number[] = [];
    let tries = 0;
    const start = performance.now();
    const attempt = async () => {
      if (++tries === 1) throw new Error("busy");
    };
    await retrying(
      attempt,
      () => ({ retry: true, delay: 60 }),
      POLICY,
      never,
      (_, pause) => {
        pauses = [...pauses, pause];
      },
    );
    assert.deepEqual(pauses, [60]);
    assert.ok(performance.now() - start >= 59);
  });

  it("a pause beyond the deadline is not waited for", async () => {
    const start = performance.now();
    const attempt = async () => {
      throw new Error("busy");
    };
    await assert.rejects(
      retrying(attempt, () => ({ retry: true, delay: 3_600_000 }), POLICY, never),
      /busy/,
    );
    assert.ok(performance.now() - start < 1000);
  });

  it("a pause of nothing does not make a storm of requests", async () => {
    const pauses: number[] = [];
    let tries = 0;
    const attempt = async () => {
      if (++tries < 4) throw new Error("busy");
    };
    await retrying(
      attempt,
      () => ({ retry: true, delay: 0 }),
      { ...POLICY, firstDelay: 10 },
      never,
      (_, pause) => pauses.push(pause),
    );
    assert.ok(
      pauses.every((pause) => pause > 0),
      String(pauses),
    );
  });

  it("an abort ends a pause, and its reason is thrown", async () => {
    const controller = new AbortController();
    const attempt = async () => {
      throw new Error("busy");
    };
    const verdict = (): RetryDecision => ({ retry: true, delay: 4000 });
    const start = performance.now();
    await assert.rejects(
      retrying(attempt, verdict, POLICY, controller.signal, () => controller.abort(new Error("stop"))),
      /^Error: stop$/,
    );
    assert.ok(performance.now() - start < 1000);
  });

  it("an abort during an attempt counts for more than its failure", async () => {
    const controller = new AbortController();
    const attempt = async () => {
      controller.abort(new Error("stop"));
      throw new Error("broken by it");
    };
    await assert.rejects(retrying(attempt, again, POLICY, controller.signal), /^Error: stop$/);
  });
});

describe("pauses", () => {
  it("double from the first to the longest, and vary by a fifth", () => {
    const middle = [0, 1, 2, 3, 4, 5, 6, 20].map((tries) => backOff(tries, DEFAULT_RETRY, () => 0.5));
    assert.deepEqual(middle, [250, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
    assert.equal(
      backOff(0, DEFAULT_RETRY, () => 0),
      200,
    );
    assert.equal(
      backOff(0, DEFAULT_RETRY, () => 1),
      300,
    );
  });
});

describe("Retry-After", () => {
  const now = Date.UTC(2023, 10, 14, 22, 13, 20);

  it("is read as seconds", () => {
    assert.equal(parseRetryAfter("3"), 3000);
    assert.equal(parseRetryAfter(" 120 "), 120_000);
    assert.equal(parseRetryAfter("0"), 0);
  });

  it("is read as a date", () => {
    assert.equal(parseRetryAfter("Tue, 14 Nov 2023 22:13:25 GMT", now), 5000);
    assert.equal(parseRetryAfter("Tue, 14 Nov 2023 22:13:15 GMT", now), 0, "a date that has passed");
  });

  it("is left aside where it cannot be understood", () => {
    for (const header of [undefined, "", "soon", "NaN"]) assert.equal(parseRetryAfter(header, now), undefined);
  });
});

describe("a try that went on for longer than the deadline", () => {
  it("is met with another one, however long ago the first failure was", async () => {
    let tries = 0;
    const attempt = async () => {
      tries++;
      if (tries < 4) {
        await new Promise((resolve) => setTimeout(resolve, 60));
        throw new Error("late");
      }
      return tries;
    };
    const policy = { deadlineSeconds: 0.05, firstDelay: 1, longestDelay: 1 };
    assert.equal(await retrying(attempt, () => ({ retry: true }), policy, new AbortController().signal), 4);
  });

  it("is given up after some", async () => {
    let tries = 0;
    const attempt = async () => {
      tries++;
      await new Promise((resolve) => setTimeout(resolve, 15));
      throw new Error("late");
    };
    const policy = { deadlineSeconds: 0.01, firstDelay: 1, longestDelay: 1 };
    await assert.rejects(
      retrying(attempt, () => ({ retry: true }), policy, new AbortController().signal),
      /late/,
    );
    assert.ok(tries >= 6 && tries < 20, String(tries));
  });
});
