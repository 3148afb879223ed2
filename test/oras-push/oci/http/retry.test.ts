import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  backOff,
  DEFAULT_RETRY,
  downloadRetry,
  failingSince,
  parseRetryAfter,
  type RetryDecision,
  retrying,
  silenceLimit,
} from "oras-push/oci/http/retry";
import { StalledError } from "oras-push/oci/http/stall";

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
    assert.equal(delays.length, 1);
    assert.ok((delays[0] ?? 0) >= 60 && (delays[0] ?? 0) <= 60 + POLICY.longestDelay, String(delays));
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
    assert.ok(performance.now() - start < 3000);
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
    assert.ok(performance.now() - start < 3000);
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
  it("have a maximum that doubles up to the longest", () => {
    const longest = [0, 1, 2, 3, 4, 5, 6, 20].map((attempts) => backOff(attempts, DEFAULT_RETRY, () => 1));
    assert.deepEqual(longest, [250, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
  });

  it("are any time below their maximum, but never 0", () => {
    assert.equal(
      backOff(3, DEFAULT_RETRY, () => 0.5),
      1000,
    );
    assert.equal(
      backOff(3, DEFAULT_RETRY, () => 0),
      1,
    );
  });

  it("come on top of a delay that the server asked for", async () => {
    const delays: number[] = [];
    const attempt = async () => {
      if (delays.length < 20) throw new Error("busy");
    };
    const policy = { deadlineSeconds: 5, firstDelay: 20, longestDelay: 20 };
    await retrying(
      attempt,
      () => ({ retry: true, delay: 2 }),
      policy,
      never,
      (_, delay) => delays.push(delay),
    );
    assert.ok(
      delays.every((delay) => delay >= 3 && delay <= 22),
      String(delays),
    );
    assert.ok(new Set(delays).size > 3, String(delays));
  });
});

describe("the time of the first failure", () => {
  const policy = { deadlineSeconds: 0.1, firstDelay: 1, longestDelay: 1 };

  it("includes the time without a response", async () => {
    let attempts = 0;
    const attempt = async () => {
      attempts++;
      throw failingSince(new Error("silent"), performance.now() - 200);
    };
    await assert.rejects(retrying(attempt, again, policy, never), /silent/);
    assert.equal(attempts, 1);
  });

  it("is shared with the retries inside of an attempt", async () => {
    let attempts = 0;
    const inner = async () => {
      attempts++;
      await new Promise((resolve) => setTimeout(resolve, 10));
      throw new Error("busy");
    };
    const start = performance.now();
    await assert.rejects(
      retrying(() => retrying(inner, again, policy, never), again, policy, never),
      /busy/,
    );
    assert.ok(attempts > 1);
    assert.ok(performance.now() - start < 400, "the outer call started the deadline again");
  });
});

describe("the limit of silence", () => {
  it("is half of the deadline, at least 5 s, and at most the given time", () => {
    const limit = (deadlineSeconds: number, stallSeconds = 60) =>
      silenceLimit({ ...DEFAULT_RETRY, deadlineSeconds }, stallSeconds);
    assert.deepEqual(
      [0, 5, 30, 120, 1000].map((seconds) => limit(seconds)),
      [5000, 5000, 15_000, 60_000, 60_000],
    );
    assert.equal(limit(30, 0.3), 300);
  });
});

describe("a download that breaks", () => {
  const broken = new Error("broken");
  const policy = { ...DEFAULT_RETRY, deadlineSeconds: 20 };

  it("is resumed while bytes arrive, and a few times without a byte", () => {
    const resume = downloadRetry(policy);
    for (const received of [1000, 2000, 30_000]) assert.equal(resume(received, broken), true);
    const more = Array.from({ length: 10 }, () => resume(30_000, broken));
    assert.deepEqual(more.indexOf(false), 4);
  });

  it("is given up if only few bytes arrive for the time of the deadline", () => {
    const resume = downloadRetry(policy);
    const stalled = new StalledError("UND_ERR_BODY_TIMEOUT", 10_000);
    assert.equal(resume(1 << 20, stalled), true);
    assert.equal(resume((1 << 20) + 10, new StalledError("UND_ERR_BODY_TIMEOUT", 20_000)), false);
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
