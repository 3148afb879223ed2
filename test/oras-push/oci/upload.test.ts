/** Uploads that break off and are gone on with, where the registry keeps what has come. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RegistryError } from "oras-push/oci/registry-error";
import { digestOf } from "oras-push/oci/meter";
import type { Repository } from "oras-push/oci/repository";
import { type MemoryRegistry, refuse } from "../../../support/registry/memory-registry.ts";
import { breakingOff, failing, first, inTurn, type Match, STEPS, takeIn } from "../../support/registry/faults.ts";
import { assertBytes, type Cleaner, memoryRegistry, noise, pieces, repositoryAt } from "../support.ts";

const BLOB = noise(3 << 20);
const DIGEST = digestOf(BLOB);
const KEPT = 2 << 20;

/** The ways to send a blob, with the request that carries it. */
const WAYS: Readonly<Record<string, { body: Match; push: (repository: Repository) => Promise<unknown> }>> = {
  "a blob at hand": { body: STEPS.putBlob, push: (repository) => repository.pushBlob(BLOB, DIGEST) },
  "a blob of known size": {
    body: STEPS.putBlob,
    push: (repository) => repository.pushKnownBlob({ digest: DIGEST, size: BLOB.length }, () => pieces(BLOB)),
  },
  "a streamed blob": { body: STEPS.patch, push: (repository) => repository.pushStreamedBlob(() => pieces(BLOB)) },
};

async function setting(t: Cleaner) {
  const registry = await memoryRegistry(t);
  return { registry, repository: repositoryAt(t, registry.address) };
}

function count(registry: MemoryRegistry, method: string): number {
  return registry.requests.filter((request) => request.method === method).length;
}

/** Bytes of the bodies after the one that was broken. */
function sentAgain(registry: MemoryRegistry): number {
  const bodies = registry.requests.filter(({ received }) => received > 0);
  return bodies.slice(1).reduce((total, { received }) => total + received, 0);
}

const statusOf: Match = (method, url) => method === "GET" && url.includes("/blobs/uploads/");

for (const [name, { body, push }] of Object.entries(WAYS))
  describe(`${name} that breaks off`, () => {
    it("is gone on with where the registry kept what had come", async (t) => {
      const { registry, repository } = await setting(t);
      registry.intercept(breakingOff(registry, body, KEPT));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 1);
      assert.ok(sentAgain(registry) <= BLOB.length - KEPT, `${sentAgain(registry)} bytes were sent again`);
      assert.equal(registry.uploads.size, 0);
    });

    it("twice is gone on with twice", async (t) => {
      const { registry, repository } = await setting(t);
      const again: Match = (method) => method === "PATCH";
      registry.intercept(inTurn(breakingOff(registry, body, 1 << 20), breakingOff(registry, again, 1 << 19)));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 1);
    });

    it("is sent again where the registry kept other bytes", async (t) => {
      const { registry, repository } = await setting(t);
      registry.intercept(
        first(1, body, async (request) => {
          const { socket } = request;
          await takeIn(request, KEPT);
          for (const chunks of registry.uploads.values()) chunks.push(Buffer.alloc(KEPT));
          socket.resetAndDestroy();
        }),
      );
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 2);
      assert.equal(registry.uploads.size, 0);
    });

    it("is sent again where the registry does not take the rest", async (t) => {
      const { registry, repository } = await setting(t);
      const rest = first(
        1,
        (method) => method === "PATCH",
        (request, response) => {
          request.resume();
          refuse(response, 416, "BLOB_UPLOAD_INVALID", "not so");
        },
      );
      registry.intercept(inTurn(breakingOff(registry, body, KEPT), rest));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 2);
      assert.equal(registry.uploads.size, 0);
    });

    for (const [what, status, range] of [
      ["has lost the upload", 404, undefined],
      ["says no range", 204, undefined],
      ["has kept nothing", 204, "0-0"],
      ["does not know the question", 405, undefined],
    ] as const)
      it(`is sent again from the start where the registry ${what}`, async (t) => {
        const { registry, repository } = await setting(t);
        const answer = first(1, statusOf, (_, response) => {
          response.writeHead(status, range === undefined ? {} : { range }).end();
        });
        registry.intercept(inTurn(breakingOff(registry, body, KEPT), answer));
        await push(repository);
        assertBytes(registry.blobs.get(DIGEST), BLOB);
        assert.equal(count(registry, "POST"), 2);
        assert.equal(registry.uploads.size, 0, "and the first upload is given up");
      });

    it("is asked about until the registry can be reached again", async (t) => {
      const { registry, repository } = await setting(t);
      const unreachable = first(2, statusOf, (request) => void request.socket.resetAndDestroy());
      registry.intercept(inTurn(breakingOff(registry, body, KEPT), unreachable));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(count(registry, "POST"), 1);
    });

    it("is given up when the deadline has passed", async (t) => {
      const registry = await memoryRegistry(t);
      const always: Match = (method) => method === "PUT" || method === "PATCH";
      registry.intercept(failing(503, always, 1_000_000));
      const retry = { deadlineSeconds: 0.1, firstDelay: 1, longestDelay: 10 };
      await assert.rejects(push(repositoryAt(t, registry.address, { retry })), RegistryError);
      assert.equal(registry.uploads.size, 0);
    });
  });

describe("an upload of which all has come", () => {
  it("is closed again where only its end was lost", async (t) => {
    const { registry, repository } = await setting(t);
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

  it("and of a known size gets no byte more", async (t) => {
    const { registry, repository } = await setting(t);
    registry.intercept(breakingOff(registry, STEPS.putBlob, BLOB.length));
    await repository.pushBlob(BLOB, DIGEST);
    assertBytes(registry.blobs.get(DIGEST), BLOB);
    assert.equal(sentAgain(registry), 0);
  });

  it("and more than that is begun again", async (t) => {
    const { registry, repository } = await setting(t);
    registry.intercept(
      first(1, STEPS.putBlob, async (request) => {
        const { socket } = request;
        const came = await takeIn(request, BLOB.length);
        for (const chunks of registry.uploads.values()) chunks.push(came, Buffer.alloc(1));
        socket.resetAndDestroy();
      }),
    );
    await repository.pushBlob(BLOB, DIGEST);
    assertBytes(registry.blobs.get(DIGEST), BLOB);
    assert.equal(count(registry, "POST"), 2);
    assert.equal(count(registry, "PATCH"), 0);
  });
});
