import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { limitsOf, RegistryLimits, RequestLimiter } from "oras-push/oci/http/limits";

const never = new AbortController().signal;

/** Starts `count` requests. Returns a function that returns the number of requests that have started so far. */
function started(limiter: RequestLimiter, count: number) {
  let entered = 0;
  for (let index = 0; index < count; index++)
    void limiter.enter(never).then(() => {
      entered++;
    });
  return () => entered;
}

async function enterAll(limiter: RequestLimiter, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await limiter.enter(never);
}

describe("the number of requests at the same time", () => {
  it("has no limit before a 429 or 503", async () => {
    const limiter = new RequestLimiter();
    await enterAll(limiter, 100);
    for (let index = 0; index < 100; index++) limiter.leave(index % 2 === 0 ? 200 : 500);
    limiter.leave(undefined);
    assert.equal(limiter.limit, Number.POSITIVE_INFINITY);
  });

  for (const status of [429, 503])
    it(`is halved after each ${status}, down to one`, async () => {
      const limiter = new RequestLimiter();
      await enterAll(limiter, 8);
      const limits = [1, 2, 3, 4].map(() => {
        limiter.leave(status);
        return limiter.limit;
      });
      assert.deepEqual(limits, [4, 2, 1, 1]);
    });

  it("keeps further requests waiting until others end", async () => {
    const limiter = new RequestLimiter();
    await enterAll(limiter, 2);
    limiter.leave(429);
    const entered = started(limiter, 3);
    await sleep(5);
    assert.equal(entered(), 0);
    for (const expected of [1, 2, 3]) {
      limiter.leave(200);
      await sleep(5);
      assert.equal(entered(), expected);
    }
  });

  it("grows again slowly, and has no limit at last", async () => {
    const limiter = new RequestLimiter();
    await enterAll(limiter, 4);
    limiter.leave(429);
    for (let index = 0; index < 3; index++) limiter.leave(200);
    const limits = new Set<number>();
    for (let index = 0; index < 100; index++) {
      await limiter.enter(never);
      limiter.leave(200);
      limits.add(limiter.limit);
    }
    assert.deepEqual([...limits], [2, 3, 4, Number.POSITIVE_INFINITY]);
  });

  it("is 0 during the pause that the registry asked for", async () => {
    const limiter = new RequestLimiter();
    await limiter.enter(never);
    limiter.leave(429, 100);
    const start = performance.now();
    await limiter.enter(never);
    assert.ok(performance.now() - start >= 90);
  });

  it("is free at the end of the pause, even if the clock reaches the end during a check", async (context) => {
    const limiter = new RequestLimiter();
    await limiter.enter(never);
    let now = 0;
    context.mock.method(performance, "now", () => now);
    limiter.leave(429, 100);
    now = 99.9;
    context.mock.method(performance, "now", () => {
      const read = now;
      now += 1;
      return read;
    });
    await limiter.enter(AbortSignal.timeout(5000));
  });

  it("is not waited for after an abort", async () => {
    const limiter = new RequestLimiter();
    const controller = new AbortController();
    await enterAll(limiter, 2);
    limiter.leave(429);
    const waiting = limiter.enter(controller.signal);
    controller.abort(new Error("stop"));
    await assert.rejects(waiting, /^Error: stop$/);
    limiter.leave(429, 10_000);
    await assert.rejects(limiter.enter(controller.signal), /^Error: stop$/);
  });
});

describe("the size of chunks", () => {
  it("is the largest power of two below the refused body, then half of it", () => {
    const limits = new RegistryLimits();
    assert.equal(limits.chunkSize, undefined);
    assert.equal(limits.shrinkChunks(1_300_000, 0), true);
    assert.equal(limits.chunkSize, 1 << 20);
    assert.equal(limits.shrinkChunks(1 << 20, 0), true);
    assert.equal(limits.chunkSize, 1 << 19);
  });

  it("is 4 MiB after a stream of unknown length", () => {
    const limits = new RegistryLimits();
    assert.equal(limits.shrinkChunks(undefined, 0), true);
    assert.equal(limits.chunkSize, 4 << 20);
  });

  it("stays if another upload has found a smaller one", () => {
    const limits = new RegistryLimits();
    limits.shrinkChunks(1 << 20, 0);
    const { chunkSize } = limits;
    assert.equal(limits.shrinkChunks(1 << 20, 0), true);
    assert.equal(limits.shrinkChunks(undefined, 0), true);
    assert.equal(limits.chunkSize, chunkSize);
  });

  it("does not go below 64 KiB, and not below the minimum of the registry", () => {
    const limits = new RegistryLimits();
    assert.equal(limits.shrinkChunks(64 << 10, 0), false);
    assert.equal(limits.shrinkChunks(1 << 20, 1 << 20), false);
    assert.equal(limits.shrinkChunks(100_000, 0), true);
    assert.equal(limits.chunkSize, 64 << 10);
  });
});

describe("the limits of a registry", () => {
  it("are the same for all connections", () => {
    assert.equal(limitsOf("r.example:1"), limitsOf("r.example:1"));
    assert.notEqual(limitsOf("r.example:1"), limitsOf("r.example:2"));
  });
});
