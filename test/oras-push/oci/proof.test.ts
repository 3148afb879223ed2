/** The proof that a registry has a blob or a manifest. The HTTP status alone does not prove this. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY_CONTENT, EMPTY_DESCRIPTOR } from "oras-push/oci/descriptor";
import { buildManifest } from "oras-push/oci/manifest";
import { digestOf } from "oras-push/oci/meter";
import { RegistryError } from "oras-push/oci/registry-error";
import { Repository } from "oras-push/oci/repository";
import type { ToolError } from "shared/cli/tool-error";
import { refuse } from "../../../support/registry/memory-registry.ts";
import { chain, failing, first, resetting, STEPS } from "../../support/registry/faults.ts";
import { type Cleaner, connect, memoryRegistry, noise, pieces, repositoryAt, startServer } from "../support.ts";

const BLOB = noise(100_000);
const DIGEST = digestOf(BLOB);
const MANIFEST = buildManifest({ layers: [], annotations: { note: "ours" } });
const OTHER = buildManifest({ layers: [], annotations: { note: "another" } });
const PAGE = "<html><title>Welcome</title></html>";

async function withRepository(t: Cleaner) {
  const registry = await memoryRegistry(t);
  registry.blobs.set(EMPTY_DESCRIPTOR.digest, EMPTY_CONTENT);
  return { registry, repository: repositoryAt(t, registry.address) };
}

/** A web server that answers each request in the same way. */
async function webServer(t: Cleaner, status: number, headers: Readonly<Record<string, string>>, body: string) {
  const address = await startServer(t, (request, response) => {
    request.resume().once("end", () => response.writeHead(status, headers).end(body));
  });
  return repositoryAt(t, address);
}

for (const [what, status, headers, body] of [
  ["200 and a web page", 200, { "content-type": "text/html; charset=utf-8" }, PAGE],
  ["200 and JSON", 200, { "content-type": "application/json" }, "{}"],
  ["200 and nothing", 200, {}, ""],
  ["201 and a web page", 201, { "content-type": "text/html", location: "/" }, PAGE],
  ["204", 204, {}, ""],
] as const)
  describe(`a web server that answers everything with ${what}`, () => {
    it("has no blob", async (t) => {
      const repository = await webServer(t, status, headers, body);
      const found = await repository.hasBlob(DIGEST, BLOB.length).catch((error: unknown) => error);
      assert.ok(found === false || found instanceof RegistryError, String(found));
    });

    it("accepts no blob", async (t) => {
      const repository = await webServer(t, status, headers, body);
      for (const push of [
        () => repository.pushBlob(BLOB, DIGEST),
        () => repository.pushStreamedBlob(() => pieces(BLOB)),
      ])
        await assert.rejects(push, (error: ToolError) => error.exitCode === 76 && error.hint !== undefined);
    });

    if (status !== 201)
      it("accepts no manifest", async (t) => {
        const repository = await webServer(t, status, headers, body);
        await assert.rejects(repository.pushManifest(MANIFEST, "1"), (error: ToolError) => error.exitCode === 76);
      });
  });

describe("a blob", () => {
  for (const [what, headers, exists] of [
    ["the digest", { "docker-content-digest": DIGEST }, true],
    ["another digest", { "docker-content-digest": digestOf(Buffer.from(PAGE)), "content-length": "100000" }, false],
    ["the size", { "content-length": "100000" }, true],
    ["another size", { "content-length": "99999" }, false],
  ] as const)
    it(`${exists ? "exists" : "does not exist"} if the answer to a HEAD has ${what}`, async (t) => {
      const repository = await webServer(t, 200, headers, "");
      assert.equal(await repository.hasBlob(DIGEST, BLOB.length), exists);
    });

  for (const status of [405, 501])
    it(`is found with a GET of one byte if a HEAD is answered with ${status}`, async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(failing(status, STEPS.headBlob, 10));
      assert.equal(await repository.hasBlob(DIGEST, BLOB.length), false);
      registry.blobs.set(DIGEST, BLOB);
      assert.equal(await repository.hasBlob(DIGEST, BLOB.length), true);
      const ranges = registry.requests.filter(({ method }) => method === "GET").map(({ headers }) => headers.range);
      assert.deepEqual(ranges, ["bytes=0-0", "bytes=0-0"]);
    });

  it("is missing if the registry supports neither HEAD nor GET", async (t) => {
    const repository = await webServer(t, 405, {}, "");
    assert.equal(await repository.hasBlob(DIGEST, BLOB.length), false);
  });

  for (const status of [200, 204])
    it(`is stored if the PUT is answered with ${status} and a HEAD finds it`, async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(
        first(1, STEPS.putBlob, async (request, response) => {
          for await (const _ of request);
          registry.blobs.set(DIGEST, BLOB);
          response.writeHead(status).end();
        }),
      );
      await repository.pushBlob(BLOB, DIGEST);
      assert.equal(registry.requests.at(-1)?.method, "HEAD");
    });

  it("is not mounted if the registry rejects the request", async (t) => {
    const registry = await memoryRegistry(t);
    const transport = connect(t, registry.address);
    const [one, two] = ["metric/one", "metric/two"].map((name) => new Repository(transport, name, "pull,push"));
    for (const status of [400, 403, 404, 405]) {
      registry.intercept(failing(status, STEPS.post));
      assert.equal(await (one as Repository).mountBlob(DIGEST, two as Repository), false);
    }
  });
});

describe("a manifest whose PUT failed", () => {
  const immutable = (times = 100) =>
    first(times, STEPS.putManifest, async (request, response) => {
      for await (const _ of request);
      refuse(response, 409, "TAG_IMMUTABLE", "the tag exists");
    });

  async function withStored(t: Cleaner, stored = MANIFEST) {
    const found = await withRepository(t);
    const { mediaType } = stored.descriptor;
    found.registry.manifests.set("metric/run:1", { bytes: stored.bytes, mediaType });
    return found;
  }

  for (const status of [400, 403, 409, 412, 500, 502])
    it(`is pushed if the answer is ${status} and the tag names it`, async (t) => {
      const { registry, repository } = await withStored(t);
      registry.intercept(failing(status, STEPS.putManifest));
      await repository.pushManifest(MANIFEST, "1");
      assert.deepEqual(
        registry.requests.map(({ method }) => method),
        ["PUT", "GET"],
      );
    });

  it("is pushed if the answer got lost and the tag, which is immutable, names it", async (t) => {
    const { registry, repository } = await withStored(t);
    registry.intercept(chain(resetting(STEPS.putManifest), failing(500, STEPS.getManifest), immutable()));
    await repository.pushManifest(MANIFEST, "1");
    assert.deepEqual(
      registry.requests.map(({ method }) => method),
      ["PUT", "GET", "PUT", "GET"],
    );
  });

  it("fails with the words of the registry if the tag names another manifest", async (t) => {
    const { registry, repository } = await withStored(t, OTHER);
    registry.intercept(immutable());
    await assert.rejects(
      repository.pushManifest(MANIFEST, "1"),
      (error: RegistryError) => error.status === 409 && error.why === "TAG_IMMUTABLE: the tag exists",
    );
  });

  it("fails if the answer is no 201 and the tag names another manifest", async (t) => {
    const { registry, repository } = await withStored(t, OTHER);
    registry.intercept(first(1, STEPS.putManifest, (_, response) => void response.writeHead(200).end()));
    await assert.rejects(
      repository.pushManifest(MANIFEST, "1"),
      (error: ToolError) => error.code === "registry" && (error.why ?? "").includes(OTHER.descriptor.digest),
    );
  });

  it("is pushed if the answer is no 201 and the tag names it", async (t) => {
    const { registry, repository } = await withStored(t);
    registry.intercept(first(1, STEPS.putManifest, (_, response) => void response.writeHead(202).end()));
    await repository.pushManifest(MANIFEST, "1");
  });

  it("is added to a free tag if the answer is 500 and the tag names it", async (t) => {
    const { registry, repository } = await withRepository(t);
    registry.intercept(
      first(1, STEPS.putManifest, async (request, response) => {
        for await (const _ of request);
        const { mediaType } = MANIFEST.descriptor;
        registry.manifests.set("metric/run:1", { bytes: MANIFEST.bytes, mediaType });
        refuse(response, 500, "UNKNOWN", "broken on purpose");
      }),
    );
    assert.equal(await repository.addManifest(MANIFEST, "1"), undefined);
  });

  it("is not added, and the other manifest returned, if another push was faster", async (t) => {
    const { registry, repository } = await withRepository(t);
    registry.intercept(
      first(1, STEPS.putManifest, async (request, response) => {
        for await (const _ of request);
        const { mediaType } = OTHER.descriptor;
        registry.manifests.set("metric/run:1", { bytes: OTHER.bytes, mediaType });
        refuse(response, 409, "TAG_IMMUTABLE", "the tag exists");
      }),
    );
    assert.equal((await repository.addManifest(MANIFEST, "1"))?.descriptor.digest, OTHER.descriptor.digest);
  });
});
