/** The client resumes broken uploads if the registry keeps the received bytes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { digestOf } from "oras-push/oci/meter";
import { RegistryError } from "oras-push/oci/registry-error";
import { type MemoryRegistry, refuse } from "../../../support/registry/memory-registry.ts";
import { chain, failing, first, interrupting, type Match, readBytes, STEPS } from "../../support/registry/faults.ts";
import { assertBytes, type Cleaner, memoryRegistry, noise, pieces, repositoryAt } from "../support.ts";
import { uploadWays } from "../upload-ways.ts";

const BLOB = noise(3 << 20);
const DIGEST = digestOf(BLOB);
const KEPT = 2 << 20;

const WAYS = uploadWays(BLOB);

async function withRepository(t: Cleaner) {
  const registry = await memoryRegistry(t);
  return { registry, repository: repositoryAt(t, registry.address) };
}

function count(registry: MemoryRegistry, method: string): number {
  return registry.requests.filter((request) => request.method === method).length;
}

/** Returns the number of bytes that the registry received after the broken request. */
function bytesAfterBreak(registry: MemoryRegistry): number {
  const bodies = registry.requests.filter(({ received }) => received > 0);
  return bodies.slice(1).reduce((total, { received }) => total + received, 0);
}

const statusOf: Match = (method, url) => method === "GET" && url.includes("/blobs/uploads/");

for (const [name, { body, push }] of Object.entries(WAYS))
  describe(`a broken upload of ${name}`, () => {
    it("is resumed if the registry kept the received bytes", async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(interrupting(registry, body, KEPT));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 1);
      assert.ok(
        bytesAfterBreak(registry) <= BLOB.length - KEPT,
        `${bytesAfterBreak(registry)} bytes were sent after the break`,
      );
      assert.equal(registry.uploads.size, 0);
    });

    it("is resumed twice", async (t) => {
      const { registry, repository } = await withRepository(t);
      const resumed: Match = (method) => method === "PATCH";
      registry.intercept(chain(interrupting(registry, body, 1 << 20), interrupting(registry, resumed, 1 << 19)));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 1);
    });

    it("starts again if the registry kept other bytes", async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(
        first(1, body, async (request) => {
          const { socket } = request;
          await readBytes(request, KEPT);
          for (const chunks of registry.uploads.values()) chunks.push(Buffer.alloc(KEPT));
          socket.resetAndDestroy();
        }),
      );
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 2);
      assert.equal(registry.uploads.size, 0);
    });

    it("starts again if the registry rejects the rest", async (t) => {
      const { registry, repository } = await withRepository(t);
      const rest = first(
        1,
        (method) => method === "PATCH",
        (request, response) => {
          request.resume();
          refuse(response, 416, "BLOB_UPLOAD_INVALID", "wrong range");
        },
      );
      registry.intercept(chain(interrupting(registry, body, KEPT), rest));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 2);
      assert.equal(registry.uploads.size, 0);
    });

    for (const [what, status, range] of [
      ["lost the upload", 404, undefined],
      ["returns no range", 204, undefined],
      ["kept no byte", 204, "0-0"],
      ["does not support the request", 405, undefined],
    ] as const)
      it(`starts again if the registry ${what}`, async (t) => {
        const { registry, repository } = await withRepository(t);
        const answer = first(1, statusOf, (_, response) => {
          response.writeHead(status, range === undefined ? {} : { range }).end();
        });
        registry.intercept(chain(interrupting(registry, body, KEPT), answer));
        await push(repository);
        assertBytes(registry.blobs.get(DIGEST), BLOB);
        assert.equal(count(registry, "POST"), 2);
        assert.equal(registry.uploads.size, 0, "the first upload is cancelled");
      });

    it("waits until the registry is reachable again", async (t) => {
      const { registry, repository } = await withRepository(t);
      const unreachable = first(2, statusOf, (request) => void request.socket.resetAndDestroy());
      registry.intercept(chain(interrupting(registry, body, KEPT), unreachable));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 1);
    });

    it("fails after the deadline, and is cancelled", async (t) => {
      const registry = await memoryRegistry(t);
      const always: Match = (method) => method === "PUT" || method === "PATCH";
      registry.intercept(failing(503, always, 1_000_000));
      const retry = { deadlineSeconds: 0.1, firstDelay: 1, longestDelay: 10 };
      await assert.rejects(push(repositoryAt(t, registry.address, { retry })), RegistryError);
      assert.equal(registry.uploads.size, 0);
    });
  });

describe("an upload whose bytes all arrived", () => {
  it("only sends its end again", async (t) => {
    const { registry, repository } = await withRepository(t);
    registry.intercept(failing(503, STEPS.putBlob, 2));
    let opened = 0;
    await repository.pushStreamedBlob(() => {
      opened++;
      return pieces(BLOB);
    });
    assertBytes(registry.blobs.get(DIGEST), BLOB);
    assert.equal(opened, 1);
    assert.equal(count(registry, "PATCH"), 1);
  });

  it("sends no more bytes if the size is known", async (t) => {
    const { registry, repository } = await withRepository(t);
    registry.intercept(interrupting(registry, STEPS.putBlob, BLOB.length));
    await repository.pushBlob(BLOB, DIGEST);
    assertBytes(registry.blobs.get(DIGEST), BLOB);
    assert.equal(bytesAfterBreak(registry), 0);
  });

  it("starts again if the registry has more bytes than the blob", async (t) => {
    const { registry, repository } = await withRepository(t);
    registry.intercept(
      first(1, STEPS.putBlob, async (request) => {
        const { socket } = request;
        const received = await readBytes(request, BLOB.length);
        for (const chunks of registry.uploads.values()) chunks.push(received, Buffer.alloc(1));
        socket.resetAndDestroy();
      }),
    );
    await repository.pushBlob(BLOB, DIGEST);
    assertBytes(registry.blobs.get(DIGEST), BLOB);
    assert.equal(count(registry, "POST"), 2);
    assert.equal(count(registry, "PATCH"), 0);
  });
});
