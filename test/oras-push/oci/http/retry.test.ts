import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { backOff, DEFAULT_RETRY, parseRetryAfter, type RetryDecision, retrying } from "oras-push/oci/http/retry";

const POLICY = { deadlineSeconds: 5, firstDelay: 1, longestDelay: 4 };
const never = new AbortController().signal;
const again = (): RetryDecision => ({ retry: true });

describe("retries", () => {
  it("repeat an attempt until it succeeds", async () => {
    const failures: unknown[] = [];
    let attempts = 0;
    const attempt = async () => {
      if (++attempts < 3) throw new Error(`attempt ${attempts}`);
      return "done";
    };
    const result = await retrying(attempt, again, POLICY, never, (error) => failures.push((error as Error).message));
    assert.equal(result, "done");
    assert.deepEqual(failures, ["attempt 1", "attempt 2"]);
  });

  it("throw a permanent failure at once", async () => {
    let attempts = 0;
    const attempt = async () => {
      attempts++;
      throw new Error("no");
    };
    await assert.rejects(
      retrying(attempt, () => ({ retry: false }), POLICY, never),
      /^Error: no$/,
    );
    assert.equal(attempts, 1);
  });

  it("throw the last failure after the deadline", async () => {
    let attempts = 0;
    const attempt = async () => {
      throw new Error(`attempt ${++attempts}`);
    };
    await assert.rejects(retrying(attempt, again, { ...POLICY, deadlineSeconds: 0.05 }, never), (error: Error) => {
      assert.equal(error.message, `attempt ${attempts}`);
      return attempts > 1;
    });
  });

  it("respect the delay that the server asked for", async () => {
    let delays: number[] = [];
    let attempts = 0;
    const start = performance.now();
    const attempt = async () => {
      if (++attempts === 1) throw new Error("busy");
    };
    await retrying(
      attempt,
      () => ({ retry: true, delay: 60 }),
      POLICY,
      never,
      (_, delay) => {
        delays = [...delays, delay];
      },
    );
    assert.deepEqual(delays, [60]);
    assert.ok(performance.now() - start >= 59);
  });

  it("do not wait for a delay beyond the deadline", async () => {
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

  it("back off if the server asks for a delay of 0", async () => {
    const delays: number[] = [];
    let attempts = 0;
    const attempt = async () => {
      if (++attempts < 4) throw new Error("busy");
    };
    await retrying(
      attempt,
      () => ({ retry: true, delay: 0 }),
      { ...POLICY, firstDelay: 10 },
      never,
      (_, delay) => delays.push(delay),
    );
    assert.ok(
      delays.every((delay) => delay > 0),
      String(delays),
    );
  });

  it("throw the reason of an abort during a delay", async () => {
    const controller = new AbortController();
    const attempt = async () => {
      throw new Error("busy");
    };
    const decision = (): RetryDecision => ({ retry: true, delay: 4000 });
    const start = performance.now();
    await assert.rejects(
      retrying(attempt, decision, POLICY, controller.signal, () => controller.abort(new Error("stop"))),
      /^Error: stop$/,
    );
    assert.ok(performance.now() - start < 1000);
  });

  it("throw the reason of an abort during an attempt, not the failure", async () => {
    const controller = new AbortController();
    const attempt = async () => {
      controller.abort(new Error("stop"));
      throw new Error("broken by it");
    };
    await assert.rejects(retrying(attempt, again, POLICY, controller.signal), /^Error: stop$/);
  });
});

describe("delays", () => {
  it("double from the first to the longest, and vary by 20 %", () => {
    const middle = [0, 1, 2, 3, 4, 5, 6, 20].map((attempts) => backOff(attempts, DEFAULT_RETRY, () => 0.5));
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

  it("may be seconds", () => {
    assert.equal(parseRetryAfter("3"), 3000);
    assert.equal(parseRetryAfter(" 120 "), 120_000);
    assert.equal(parseRetryAfter("0"), 0);
  });

  it("may be a date", () => {
    assert.equal(parseRetryAfter("Tue, 14 Nov 2023 22:13:25 GMT", now), 5000);
    assert.equal(parseRetryAfter("Tue, 14 Nov 2023 22:13:15 GMT", now), 0, "a date in the past");
  });

  it("is ignored if it is invalid", () => {
    for (const header of [undefined, "", "soon", "NaN"]) assert.equal(parseRetryAfter(header, now), undefined);
  });
});

describe("an attempt that runs longer than the deadline", () => {
  it("is retried, however long ago the first failure was", async () => {
    let attempts = 0;
    const attempt = async () => {
      attempts++;
      if (attempts < 4) {
        await new Promise((resolve) => setTimeout(resolve, 60));
        throw new Error("late");
      }
      return attempts;
    };
    const policy = { deadlineSeconds: 0.05, firstDelay: 1, longestDelay: 1 };
    assert.equal(await retrying(attempt, () => ({ retry: true }), policy, new AbortController().signal), 4);
  });

  it("is not retried without limit", async () => {
    let attempts = 0;
    const attempt = async () => {
      attempts++;
      await new Promise((resolve) => setTimeout(resolve, 15));
      throw new Error("late");
    };
    const policy = { deadlineSeconds: 0.01, firstDelay: 1, longestDelay: 1 };
    await assert.rejects(
      retrying(attempt, () => ({ retry: true }), policy, new AbortController().signal),
      /late/,
    );
    assert.ok(attempts >= 6 && attempts < 20, String(attempts));
  });
});
