/** Registries that limit the number or the size of requests. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { digestOf } from "oras-push/oci/meter";
import type { RegistryError } from "oras-push/oci/registry-error";
import { type Interceptor, type MemoryRegistry, refuse } from "../../../support/registry/memory-registry.ts";
import { chain, failing, first, type Match, STEPS } from "../../support/registry/faults.ts";
import { limitBodies, limitWrites } from "../../support/registry/limits.ts";
import { assertBytes, type Cleaner, memoryRegistry, noise, repositoryAt } from "../support.ts";
import { uploadWays } from "../upload-ways.ts";

const BLOB = noise(3_300_000);
const DIGEST = digestOf(BLOB);

const WAYS = uploadWays(BLOB);

async function withRepository(t: Cleaner, ...interceptors: readonly Interceptor[]) {
  const registry = await memoryRegistry(t);
  registry.intercept(chain(...interceptors));
  return { registry, repository: repositoryAt(t, registry.address) };
}

function count(registry: MemoryRegistry, method: string): number {
  return registry.requests.filter((request) => request.method === method).length;
}

/**
 * Returns the ranges of all chunks that have at most `largest` bytes, in the order of the requests. The registry
 * refuses larger chunks.
 */
function chunks(registry: MemoryRegistry, largest: number): string[] {
  return registry.requests
    .filter(({ method, headers }) => method === "PATCH" && Number(headers["content-length"]) <= largest)
    .map(({ headers }) => headers["content-range"] ?? "");
}

for (const [name, { body, push }] of Object.entries(WAYS)) {
  describe(`${name} and a registry that wants fewer requests`, () => {
    for (const [status, step] of [
      [429, body],
      [503, body],
      [429, STEPS.putBlob],
      [503, STEPS.putBlob],
    ] as const)
      it(`repeats the ${step === body ? "body" : "PUT"} in its session after a ${status}`, async (t) => {
        const { registry, repository } = await withRepository(t, failing(status, step, 2));
        await push(repository);
        assertBytes(registry.blobs.get(DIGEST), BLOB);
        assert.equal(count(registry, "POST"), 1);
        assert.equal(count(registry, "DELETE"), 0);
        if (status === 429) assert.equal(count(registry, "GET"), 0);
      });

    it("starts again if the session got bytes twice", async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(
        first(1, body, async (request, response) => {
          for await (const chunk of request) for (const sent of registry.uploads.values()) sent.push(chunk as Buffer);
          refuse(response, 429, "TOOMANYREQUESTS", "too late");
        }),
      );
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(registry.uploads.size, 0);
    });

    it("repeats the body if the registry cannot tell which bytes it has after a 503", async (t) => {
      const status: Match = (method, url) => method === "GET" && url.includes("/uploads/");
      const { registry, repository } = await withRepository(t, failing(503, body), failing(405, status));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 1);
    });
  });

  describe(`${name} and a registry that limits the size of requests`, () => {
    it("is sent in chunks of the largest size that passes", async (t) => {
      const { registry, repository } = await withRepository(t, limitBodies(1 << 20));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      const sent = chunks(registry, 1 << 20);
      assert.deepEqual(sent, ["0-1048575", "1048576-2097151", "2097152-3145727", "3145728-3299999"]);
      assert.equal(count(registry, "POST"), 1, "the session is kept");
    });

    it("is sent in chunks at once if an earlier blob was too large", async (t) => {
      const { registry, repository } = await withRepository(t, limitBodies(1 << 20));
      await push(repository);
      registry.blobs.clear();
      const before = registry.requests.length;
      await push(repository);
      const methods = registry.requests.slice(before).map(({ method }) => method);
      assert.deepEqual(methods, ["POST", "PATCH", "PATCH", "PATCH", "PATCH", "PUT"]);
    });

    it("is sent in smaller chunks, down to 64 KiB", async (t) => {
      const { registry, repository } = await withRepository(t, limitBodies(100_000));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(chunks(registry, 100_000).length, Math.ceil(BLOB.length / (64 << 10)));
    });

    it("fails with a hint if no chunk passes, and is cancelled", async (t) => {
      const { registry, repository } = await withRepository(t, limitBodies(1000));
      await assert.rejects(push(repository), (error: RegistryError) => {
        assert.match(error.hint ?? "", /limits the size of requests/);
        return error.status === 413 && error.exitCode === 76;
      });
      assert.equal(registry.uploads.size, 0);
    });

    it("is not sent in chunks below the minimum of the registry", async (t) => {
      const least = first(10, STEPS.post, (_, response) => {
        response.setHeader("oci-chunk-min-length", String(2 << 20));
        registry.uploads.set("one", []);
        response.writeHead(202, { location: "/v2/metric/run/blobs/uploads/one" }).end();
      });
      const { registry, repository } = await withRepository(t, least, limitBodies(1 << 20));
      await assert.rejects(push(repository), (error: RegistryError) => error.status === 413);
      assert.ok(
        registry.requests.every(({ method, headers }) => {
          const length = Number(headers["content-length"] ?? Number.POSITIVE_INFINITY);
          return method !== "PATCH" || length >= 2 << 20;
        }),
      );
    });

    it("repeats a refused chunk in its session", async (t) => {
      const chunk: Match = (method) => method === "PATCH";
      const { registry, repository } = await withRepository(t, limitBodies(1 << 20), failing(429, chunk, 3));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 1);
    });

    it("continues after the last chunk if the connection breaks", async (t) => {
      let broken = false;
      const breaking: Interceptor = (request) => {
        if (broken || request.method !== "PATCH" || !request.headers["content-range"]?.startsWith("2097152-"))
          return false;
        broken = true;
        request.socket.resetAndDestroy();
        return true;
      };
      const { registry, repository } = await withRepository(t, limitBodies(1 << 20), breaking);
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 1);
    });
  });
}

describe("pushes to a registry that takes three writes a second", () => {
  it("succeed with few more requests than necessary", { timeout: 60_000 }, async (t) => {
    const registry = await memoryRegistry(t);
    registry.intercept(limitWrites(3));
    const retry = { deadlineSeconds: 30, firstDelay: 250, longestDelay: 5000 };
    const repository = repositoryAt(t, registry.address, { retry });
    const blobs = Array.from({ length: 10 }, (_, index) => noise(1000, index + 1));
    await Promise.all(blobs.map((blob) => repository.pushBlob(blob, digestOf(blob))));
    assert.equal(registry.blobs.size, 10);
    const refused = registry.requests.length - 20;
    t.diagnostic(`${refused} requests were refused`);
    assert.ok(refused <= 25, `${refused} requests were refused`);
    assert.equal(count(registry, "DELETE"), 0);
  });
});
