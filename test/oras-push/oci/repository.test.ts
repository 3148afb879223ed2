import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import type { Credential } from "oras-push/oci/auth/credential";
import { EMPTY_CONTENT, EMPTY_DESCRIPTOR } from "oras-push/oci/descriptor";
import { buildManifest } from "oras-push/oci/manifest";
import { MAX_MANIFEST_BYTES } from "oras-push/oci/manifest-size";
import { digestOf } from "oras-push/oci/meter";
import type { RegistryError } from "oras-push/oci/registry-error";
import type { Repository } from "oras-push/oci/repository";
import { ToolError } from "shared/cli/tool-error";
import { type MemoryRegistry, refuse } from "../../../support/registry/memory-registry.ts";
import { chain, failing, first, readBytes, resetting, STEPS } from "../../support/registry/faults.ts";
import { startTokenServer } from "../../support/registry/token-server.ts";
import {
  assertBytes,
  type Cleaner,
  collect,
  memoryRegistry,
  noise,
  pieces,
  repositoryAt,
  startServer,
  storeManifest,
} from "../support.ts";

const BLOB = noise(3 << 20);
const DIGEST = digestOf(BLOB);
const DESCRIPTOR = { mediaType: "application/octet-stream", digest: DIGEST, size: BLOB.length };
const ME: Credential = { kind: "basic", username: "me", password: "pw" };

/** The ways to send a blob. */
const WAYS: Readonly<Record<string, (repository: Repository) => Promise<unknown>>> = {
  "a blob from memory": (repository) => repository.pushBlob(BLOB, DIGEST),
  "a blob of known size": (repository) => repository.pushKnownBlob(DESCRIPTOR, () => pieces(BLOB)),
  "a streamed blob": (repository) => repository.pushStreamedBlob(() => pieces(BLOB)),
};

function methods(registry: MemoryRegistry): string[] {
  return registry.requests.map(({ method }) => method);
}

async function withRepository(t: Cleaner) {
  const registry = await memoryRegistry(t);
  registry.blobs.set(EMPTY_DESCRIPTOR.digest, EMPTY_CONTENT);
  return { registry, repository: repositoryAt(t, registry.address) };
}

describe("a repository", () => {
  it("reports whether it has a blob", async (t) => {
    const { registry, repository } = await withRepository(t);
    assert.equal(await repository.hasBlob(DIGEST), false);
    registry.blobs.set(DIGEST, BLOB);
    assert.equal(await repository.hasBlob(DIGEST), true);
  });

  it("stores a manifest by tag, or by its digest, and returns it", async (t) => {
    const { registry, repository } = await withRepository(t);
    const manifest = buildManifest({ layers: [], annotations: {} });
    await repository.pushManifest(manifest, "v1");
    await repository.pushManifest(manifest, undefined);
    assert.deepEqual(
      registry.requests.map(({ method, url }) => `${method} ${url}`),
      ["PUT /v2/metric/run/manifests/v1", `PUT /v2/metric/run/manifests/${manifest.descriptor.digest}`],
    );
    assert.equal(registry.requests[0]?.headers["content-type"], "application/vnd.oci.image.manifest.v1+json");
    assert.equal(registry.requests[0]?.headers["content-length"], String(manifest.bytes.length));
    assert.deepEqual((await repository.fetchManifest("v1"))?.bytes, manifest.bytes);
    assert.deepEqual(await repository.fetchManifest(manifest.descriptor.digest), manifest);
    assert.equal(await repository.fetchManifest("v2"), undefined);
  });
});

describe("uploads", () => {
  it("send a blob from memory in one PUT, with its length and digest", async (t) => {
    const { registry, repository } = await withRepository(t);
    await repository.pushBlob(BLOB, DIGEST);
    assert.deepEqual(methods(registry), ["POST", "PUT"]);
    const put = registry.requests[1];
    assert.equal(put?.headers["content-length"], String(BLOB.length));
    assert.equal(put?.headers["transfer-encoding"], undefined);
    assert.match(put?.url ?? "", new RegExp(`\\?digest=${encodeURIComponent(DIGEST)}$`));
    assertBytes(registry.blobs.get(DIGEST), BLOB);
  });

  it("send a blob of known size in one PUT", async (t) => {
    const { registry, repository } = await withRepository(t);
    await repository.pushKnownBlob(DESCRIPTOR, () => pieces(BLOB));
    assert.deepEqual(methods(registry), ["POST", "PUT"]);
    assert.equal(registry.requests[1]?.headers["content-length"], String(BLOB.length));
    assertBytes(registry.blobs.get(DIGEST), BLOB);
  });

  it("send a streamed blob in one PATCH of unknown length, then an empty PUT", async (t) => {
    const { registry, repository } = await withRepository(t);
    const sent = await repository.pushStreamedBlob(() => pieces(BLOB));
    assert.deepEqual(sent, { digest: DIGEST, size: BLOB.length });
    assert.deepEqual(methods(registry), ["POST", "PATCH", "PUT"]);
    assert.equal(registry.requests[1]?.headers["transfer-encoding"], "chunked");
    assert.equal(registry.requests[1]?.received, BLOB.length);
    assert.equal(registry.requests[2]?.headers["content-length"], "0");
    assertBytes(registry.blobs.get(DIGEST), BLOB);
  });

  it("send an empty blob", async (t) => {
    const { registry, repository } = await withRepository(t);
    const empty = { digest: digestOf(Buffer.alloc(0)), size: 0 };
    await repository.pushKnownBlob(empty, () => pieces(Buffer.alloc(0)));
    assert.equal(registry.blobs.get(empty.digest)?.length, 0);
    registry.blobs.clear();
    assert.deepEqual(await repository.pushStreamedBlob(() => pieces(Buffer.alloc(0))), empty);
    assert.equal(registry.blobs.get(empty.digest)?.length, 0);
  });

  for (const location of ["?_state=a%2Fb+c==&x", "", "?"])
    it(`add the digest to a location, and keep its query ${JSON.stringify(location)} byte for byte`, async (t) => {
      const seen: string[] = [];
      const address = await startServer(t, (request, response) => {
        seen.push(`${request.method} ${request.url}`);
        request.resume();
        if (request.method !== "POST") return response.writeHead(201).end();
        return response.writeHead(202, { location: `http://${request.headers.host}/up/1${location}` }).end();
      });
      await repositoryAt(t, address).pushBlob(BLOB, DIGEST);
      const query = location === "?" || location === "" ? "?" : `${location}&`;
      assert.equal(seen[1], `PUT /up/1${query}digest=${encodeURIComponent(DIGEST)}`);
    });

  it("follow a location that changes with each response", async (t) => {
    const seen: string[] = [];
    const address = await startServer(t, (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      request.resume().on("end", () => {
        if (request.method === "PUT") response.writeHead(201).end();
        else response.writeHead(202, { location: `../moved/${seen.length}?n=${seen.length}` }).end();
      });
    });
    await repositoryAt(t, address).pushStreamedBlob(() => pieces(BLOB));
    assert.deepEqual(seen, [
      "POST /v2/metric/run/blobs/uploads/",
      "PATCH /v2/metric/run/blobs/moved/1?n=1",
      `PUT /v2/metric/run/blobs/moved/2?n=2&digest=${encodeURIComponent(DIGEST)}`,
    ]);
  });

  for (const [what, status, more] of [
    ["accept a 201 for a PATCH", 201, {}],
    ["send one chunk to a registry with a minimum chunk length", 202, { "oci-chunk-min-length": "16777216" }],
  ] as const)
    it(what, async (t) => {
      const seen: string[] = [];
      const address = await startServer(t, (request, response) => {
        seen.push(request.method ?? "");
        const location = "/v2/metric/run/blobs/uploads/1";
        const code = request.method === "PUT" ? 201 : request.method === "PATCH" ? status : 202;
        request.resume().on("end", () => response.writeHead(code, { location, ...more }).end());
      });
      const sent = await repositoryAt(t, address).pushStreamedBlob(() => pieces(BLOB));
      assert.equal(sent.digest, DIGEST);
      assert.deepEqual(seen, ["POST", "PATCH", "PUT"]);
    });

  for (const [name, push] of Object.entries(WAYS))
    it(`send ${name} to a location on another host without Authorization`, async (t) => {
      const received: IncomingMessage[] = [];
      const other = await startServer(t, (request, response) => {
        received.push(request);
        request.resume().on("end", () => response.writeHead(request.method === "PUT" ? 201 : 202).end());
      });
      const address = await startServer(t, (request, response) => {
        request.resume();
        if (request.headers.authorization === undefined)
          return response.writeHead(401, { "www-authenticate": "Basic" }).end();
        return response.writeHead(202, { location: `http://${other}/put/here?sig=1` }).end();
      });
      await push(repositoryAt(t, address, { credentials: async () => ME }));
      assert.ok(received.length > 0);
      for (const { url, headers } of received) {
        assert.match(url ?? "", /^\/put\/here\?sig=1/);
        assert.equal(headers.authorization, undefined);
      }
    });

  for (const location of ["http://[", "ftp://me:s3cret@r/x"])
    it(`report an invalid location such as ${location.slice(0, 7)} as a failure of the registry, and do not show it`, async (t) => {
      const address = await startServer(t, (request, response) => {
        request.resume();
        response.writeHead(request.method === "POST" ? 202 : 307, { location }).end();
      });
      const repository = repositoryAt(t, address);
      for (const act of [() => repository.pushBlob(BLOB, DIGEST), () => repository.hasBlob(DIGEST)])
        await assert.rejects(act, (error: ToolError) => {
          assert.equal(error.message, `the registry ${address} returned an invalid Location header`);
          return error.code === "registry" && !String(error.stack).includes("s3cret");
        });
    });

  it("report a missing location as a failure of the registry", async (t) => {
    const address = await startServer(t, (request, response) => {
      request.resume();
      response.writeHead(202).end();
    });
    await assert.rejects(
      repositoryAt(t, address).pushBlob(BLOB, DIGEST),
      (error: ToolError) => error.code === "registry" && /sent no Location/.test(error.message),
    );
  });

  it("do not retry a digest that the registry rejects", async (t) => {
    const { registry, repository } = await withRepository(t);
    await assert.rejects(
      repository.pushBlob(BLOB, digestOf(Buffer.from("other"))),
      (error: RegistryError) => error.registryCode === "DIGEST_INVALID" && error.exitCode === 76,
    );
    assert.equal(methods(registry).filter((method) => method === "PUT").length, 1);
    assert.deepEqual([...registry.blobs.keys()], [EMPTY_DESCRIPTOR.digest]);
  });
});

for (const [name, push] of Object.entries(WAYS))
  describe(`${name} and a failing registry`, () => {
    const steps = name === "a streamed blob" ? (["post", "patch", "putBlob"] as const) : (["post", "putBlob"] as const);
    const body = name === "a streamed blob" ? "patch" : "putBlob";
    for (const step of steps) {
      for (const status of [500, 503])
        it(`retries a ${status} on the first ${step}`, async (t) => {
          const { registry, repository } = await withRepository(t);
          registry.intercept(failing(status, STEPS[step], 2));
          await push(repository);
          assertBytes(registry.blobs.get(DIGEST), BLOB);
        });

      it(`retries a reset on the first ${step}`, async (t) => {
        const { registry, repository } = await withRepository(t);
        registry.intercept(resetting(STEPS[step], 0, 2));
        await push(repository);
        assertBytes(registry.blobs.get(DIGEST), BLOB);
      });
    }

    it("retries a reset in the middle of the body from the start", async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(resetting(STEPS[body], 1 << 20, 2));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(methods(registry).filter((method) => method === "POST").length, 3, "each attempt opens an upload");
    });

    it("reads a response that arrives before the end of the body", async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(
        first(1, STEPS[body], (request, response) => {
          refuse(response, 503, "UNAVAILABLE", "too early");
          request.resume();
        }),
      );
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
    });

    for (const step of steps.slice(1))
      it(`starts again if the registry lost the upload before ${step}`, async (t) => {
        const { registry, repository } = await withRepository(t);
        registry.intercept(
          first(1, STEPS[step], async (request, response) => {
            for await (const _ of request);
            refuse(response, 404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
          }),
        );
        await push(repository);
        assertBytes(registry.blobs.get(DIGEST), BLOB);
      });

    it("cancels a failed upload", async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(failing(400, STEPS[body], 1));
      await assert.rejects(push(repository), (error: RegistryError) => error.status === 400);
      assert.equal(registry.uploads.size, 0);
    });

    it("ignores a failed DELETE", async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(
        chain(
          failing(503, STEPS[body], 1),
          resetting((method) => method === "DELETE", 0, 100),
        ),
      );
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
    });

    it("renews a token that expires before the body, and sends the whole body", async (t) => {
      const tokens = await startTokenServer();
      t.after(() => tokens.close());
      const { registry, repository } = await withRepository(t);
      registry.intercept(
        chain(
          // The registry reads a part of the body before it rejects the token.
          first(1, STEPS[body], async (request, response) => {
            tokens.valid.clear();
            await readBytes(request, 1 << 20);
            await tokens.gate(request, response);
          }),
          tokens.gate,
        ),
      );
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(tokens.queries.length, 2);
    });

    it("follows a redirect with the whole body", async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(
        first(1, STEPS[body], async (request, response) => {
          for await (const _ of request);
          response.writeHead(307, { location: request.url }).end();
        }),
      );
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(methods(registry).filter((method) => method === "POST").length, 1);
    });

    it("throws the failure of the registry after the deadline", async (t) => {
      const registry = await memoryRegistry(t);
      registry.intercept(failing(503, STEPS[body], 1_000_000));
      const retry = { deadlineSeconds: 0.1, firstDelay: 1, longestDelay: 10 };
      await assert.rejects(push(repositoryAt(t, registry.address, { retry })), (error: RegistryError) => {
        assert.equal(error.status, 503);
        return error.exitCode === 76;
      });
      assert.ok(registry.requests.filter(({ method, url }) => STEPS[body](method, url)).length > 1);
    });
  });

describe("a failing source", () => {
  async function* failingSource(): AsyncGenerator<Buffer> {
    yield BLOB.subarray(0, 1 << 20);
    throw new ToolError("noInput", "the file changed during the read");
  }

  for (const [name, push] of Object.entries({
    "a blob of known size": (repository: Repository) => repository.pushKnownBlob(DESCRIPTOR, failingSource),
    "a streamed blob": (repository: Repository) => repository.pushStreamedBlob(failingSource),
  }))
    it(`of ${name} is not retried, and leaves no open upload`, async (t) => {
      const { registry, repository } = await withRepository(t);
      await assert.rejects(push(repository), (error: ToolError) => {
        assert.equal(error.message, "the file changed during the read");
        return error.exitCode === 66;
      });
      assert.equal(methods(registry).filter((method) => method === "POST").length, 1);
      assert.equal(registry.uploads.size, 0);
      assert.deepEqual([...registry.blobs.keys()], [EMPTY_DESCRIPTOR.digest]);
    });
});

describe("an interrupted upload", () => {
  it("throws the reason, and is cancelled", async (t) => {
    const registry = await memoryRegistry(t);
    const controller = new AbortController();
    const repository = repositoryAt(t, registry.address, { signal: controller.signal });
    async function* endless(): AsyncGenerator<Buffer> {
      for (let count = 0; ; count++) {
        yield BLOB.subarray(0, 1 << 16);
        if (count === 20) controller.abort(new Error("stop"));
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await assert.rejects(repository.pushStreamedBlob(endless), /^Error: stop$/);
    assert.equal(registry.uploads.size, 0);
    assert.equal(registry.blobs.size, 0);
  });
});

describe("downloads", () => {
  async function withBlob(t: Cleaner) {
    const { registry, repository } = await withRepository(t);
    registry.blobs.set(DIGEST, BLOB);
    return { registry, repository };
  }

  /** Sends `bytes` bytes of the blob, then resets the connection. */
  const truncating = (bytes: number, times: number, ranges: boolean) =>
    first(times, STEPS.getBlob, (request, response) => {
      const from = ranges ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0) : 0;
      response.writeHead(from > 0 ? 206 : 200, { "content-length": BLOB.length - from });
      response.write(BLOB.subarray(from, from + bytes), () => response.socket?.resetAndDestroy());
    });

  it("return the whole blob", async (t) => {
    const { repository } = await withBlob(t);
    assertBytes(await collect(repository.fetchBlob(DESCRIPTOR)), BLOB);
  });

  it("resume with a range after a broken connection", async (t) => {
    const { registry, repository } = await withBlob(t);
    registry.intercept(truncating(1_000_000, 2, true));
    assertBytes(await collect(repository.fetchBlob(DESCRIPTOR)), BLOB);
    const ranges = registry.requests.flatMap(({ method, headers }) => (method === "GET" ? [headers.range] : []));
    assert.equal(ranges.length, 3);
    assert.equal(ranges[0], undefined);
    for (const range of ranges.slice(1)) assert.match(range ?? "", new RegExp(`^bytes=[1-9]\\d*-${BLOB.length - 1}$`));
  });

  it("skip the bytes that a registry without ranges sends again", async (t) => {
    const { registry, repository } = await withBlob(t);
    registry.intercept(
      chain(
        truncating(1_000_000, 2, false),
        first(1, STEPS.getBlob, (_, response) => void response.writeHead(200).end(BLOB)),
      ),
    );
    assertBytes(await collect(repository.fetchBlob(DESCRIPTOR)), BLOB);
  });

  it("accept a connection that breaks after the last byte", async (t) => {
    const { registry, repository } = await withBlob(t);
    registry.intercept(
      first(1, STEPS.getBlob, (_, response) => {
        // The last chunk of the chunked encoding is missing.
        response.writeHead(200).write(BLOB, () => response.socket?.destroySoon());
      }),
    );
    assertBytes(await collect(repository.fetchBlob(DESCRIPTOR)), BLOB);
    assert.deepEqual(methods(registry), ["GET"]);
  });

  it("fail with 69 if they break repeatedly without a byte", async (t) => {
    const { registry, repository } = await withBlob(t);
    registry.intercept(
      first(1000, STEPS.getBlob, (_, response) => {
        response.writeHead(200, { "content-length": BLOB.length }).flushHeaders();
        setImmediate(() => response.socket?.resetAndDestroy());
      }),
    );
    await assert.rejects(
      collect(repository.fetchBlob(DESCRIPTOR)),
      (error: ToolError) => error instanceof ToolError && error.code === "unavailable",
    );
    const attempts = methods(registry).filter((method) => method === "GET").length;
    assert.ok(attempts > 2 && attempts < 20, String(attempts));
  });

  it("retry a 503 on the first GET", async (t) => {
    const { registry, repository } = await withBlob(t);
    registry.intercept(failing(503, STEPS.getBlob, 2));
    assertBytes(await collect(repository.fetchBlob(DESCRIPTOR)), BLOB);
  });

  it("report a missing blob as a failure of the registry", async (t) => {
    const { repository } = await withRepository(t);
    await assert.rejects(
      collect(repository.fetchBlob(DESCRIPTOR)),
      (error: RegistryError) => error.registryCode === "BLOB_UNKNOWN" && error.exitCode === 76,
    );
  });

  it("follow a redirect to another host without Authorization", async (t) => {
    const received: IncomingMessage[] = [];
    const other = await startServer(t, (request, response) => {
      received.push(request);
      response.end(BLOB);
    });
    const address = await startServer(t, (request, response) => {
      if (request.headers.authorization === undefined)
        return response.writeHead(401, { "www-authenticate": "Basic" }).end();
      return response.writeHead(307, { location: `http://${other}/store?sig=1` }).end();
    });
    const repository = repositoryAt(t, address, { credentials: async () => ME });
    assertBytes(await collect(repository.fetchBlob(DESCRIPTOR)), BLOB);
    assert.deepEqual(
      received.map(({ headers }) => headers.authorization),
      [undefined],
    );
  });
});

describe("manifests", () => {
  const manifest = buildManifest({ layers: [], annotations: { note: "x".repeat(2000) } });

  it("are rejected if their digest is not the expected one", async (t) => {
    const { registry, repository } = await withRepository(t);
    const other = digestOf(Buffer.from("other"));
    storeManifest(registry, "v1", manifest.bytes);
    registry.manifests.set(`metric/run@${other}`, { bytes: manifest.bytes, mediaType: "application/json" });
    await assert.rejects(
      repository.fetchManifest(other),
      (error: ToolError) =>
        error.code === "registry" && (error.why ?? "").startsWith(`expected the digest ${other}, found `),
    );
    registry.intercept(
      first(1, STEPS.getManifest, (_, response) => {
        response.writeHead(200, { "docker-content-digest": other }).end(manifest.bytes);
      }),
    );
    await assert.rejects(repository.fetchManifest("v1"), (error: ToolError) => error.code === "registry");
  });

  it("are rejected if the registry stored another digest", async (t) => {
    const { registry, repository } = await withRepository(t);
    const other = digestOf(Buffer.from("other"));
    registry.intercept(
      first(1, STEPS.putManifest, (_, response) => {
        response.writeHead(201, { "docker-content-digest": other }).end();
      }),
    );
    await assert.rejects(
      repository.pushManifest(manifest, "v1"),
      (error: ToolError) => error.code === "registry" && (error.why ?? "").endsWith(`found ${other}`),
    );
  });

  it("are rejected if they are too large, and not read to their end", async (t) => {
    let sent = 0;
    const address = await startServer(t, (_, response) => {
      response.writeHead(200, { "content-type": "application/vnd.oci.image.manifest.v1+json" });
      const chunk = Buffer.alloc(1 << 20, " ");
      const more = () => {
        if (sent > 100 << 20) return response.end();
        sent += chunk.length;
        return response.write(chunk, more);
      };
      more();
    });
    await assert.rejects(
      repositoryAt(t, address).fetchManifest("v1"),
      (error: ToolError) => error.code === "registry" && error.message.includes(`longer than ${MAX_MANIFEST_BYTES}`),
    );
    assert.ok(sent < 60 << 20, `${sent} bytes were sent`);
  });

  it("are fetched again after a broken connection", async (t) => {
    const { registry, repository } = await withRepository(t);
    storeManifest(registry, "v1", manifest.bytes);
    registry.intercept(
      first(2, STEPS.getManifest, (_, response) => {
        response.writeHead(200, { "content-length": manifest.bytes.length });
        response.write(manifest.bytes.subarray(0, 1000), () => response.socket?.resetAndDestroy());
      }),
    );
    assert.deepEqual((await repository.fetchManifest("v1"))?.bytes, manifest.bytes);
  });

  for (const status of [500, 503])
    it(`are retried after a ${status} on their PUT and their GET`, async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(chain(failing(status, STEPS.putManifest), failing(status, STEPS.getManifest)));
      await repository.pushManifest(manifest, "v1");
      assert.deepEqual((await repository.fetchManifest("v1"))?.bytes, manifest.bytes);
    });

  it("are retried after a reset on their PUT", async (t) => {
    const { registry, repository } = await withRepository(t);
    registry.intercept(resetting(STEPS.putManifest, 0, 2));
    await repository.pushManifest(manifest, "v1");
    assert.deepEqual(registry.manifests.get("metric/run:v1")?.bytes, manifest.bytes);
  });

  for (const code of ["MANIFEST_BLOB_UNKNOWN", "DIGEST_INVALID"]) {
    const missing = (times: number) =>
      first(times, STEPS.putManifest, (request, response) => {
        request.resume();
        refuse(response, 400, code, "blob unknown to registry");
      });

    it(`are retried if the registry misses a blob that it confirmed: ${code}`, async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(missing(4));
      await repository.pushManifest(manifest, "v1");
      assert.deepEqual(registry.manifests.get("metric/run:v1")?.bytes, manifest.bytes);
    });

    it(`fail before the deadline if the registry still misses a blob: ${code}`, async (t) => {
      const { registry, repository } = await withRepository(t);
      registry.intercept(missing(Number.POSITIVE_INFINITY));
      await assert.rejects(
        repository.pushManifest(manifest, "v1"),
        (error: RegistryError) => error.why === `${code}: blob unknown to registry`,
      );
      assert.equal(methods(registry).length, 5);
    });
  }
});

describe("a stalled connection", () => {
  const blob = noise(24 << 20);
  const impatient = { stallSeconds: 0.3 };
  const hang = () => {};

  it("is closed if the registry reads no more of a body, and the blob is sent again", async (t) => {
    const registry = await memoryRegistry(t);
    registry.intercept(first(1, STEPS.patch, (request) => void request.pause()));
    const sent = await repositoryAt(t, registry.address, impatient).pushStreamedBlob(() => pieces(blob));
    assert.deepEqual(registry.blobs.get(sent.digest), blob);
  });

  it("is closed if the registry does not respond, and the request is retried", async (t) => {
    const registry = await memoryRegistry(t);
    registry.intercept(chain(first(1, STEPS.headBlob, hang), first(1, STEPS.post, hang)));
    const repository = repositoryAt(t, registry.address, impatient);
    assert.equal(await repository.hasBlob(digestOf(blob)), false);
    await repository.pushBlob(blob, digestOf(blob));
  });

  it("is closed if a response stops, and the download is resumed", async (t) => {
    const registry = await memoryRegistry(t);
    const digest = digestOf(blob);
    registry.blobs.set(digest, blob);
    registry.intercept(
      first(1, STEPS.getBlob, (_, response) => {
        response.writeHead(200, { "content-length": blob.length });
        response.write(blob.subarray(0, 1000));
      }),
    );
    const descriptor = { mediaType: "application/octet-stream", digest, size: blob.length };
    assert.deepEqual(await collect(repositoryAt(t, registry.address, impatient).fetchBlob(descriptor)), blob);
  });
});
