/** Registries that do not respond, or that are too slow. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { digestOf } from "oras-push/oci/meter";
import type { ToolError } from "shared/cli/tool-error";
import { listen } from "../../../../support/registry/server.ts";
import { first, STEPS } from "../../../support/registry/faults.ts";
import {
  assertBytes,
  type Cleaner,
  collect,
  connect,
  memoryRegistry,
  noise,
  pieces,
  repositoryAt,
  startServer,
} from "../../support.ts";

const GET = { method: "GET", target: "/v2/", scope: "s", expect: [200] } as const;
const BLOB = noise(1 << 20);
const DESCRIPTOR = { mediaType: "application/octet-stream", digest: digestOf(BLOB), size: BLOB.length };

/** A request fails after 0.3 s without data. The client retries a failed request for 1 s. */
const IMPATIENT = { stallSeconds: 0.3, retry: { deadlineSeconds: 1, firstDelay: 1, longestDelay: 10 } };

/** Checks that an action fails with exit code 69 after about 1 s. */
async function assertGivenUp(action: () => Promise<unknown>, why: RegExp): Promise<void> {
  const start = performance.now();
  await assert.rejects(action, (error: ToolError) => {
    assert.match(error.why ?? "", why);
    return error.exitCode === 69;
  });
  const seconds = (performance.now() - start) / 1000;
  assert.ok(seconds > 0.5 && seconds < 3, `it took ${seconds} s`);
}

/** Starts a server that accepts connections, but sends no byte. */
async function silentServer(t: Cleaner): Promise<string> {
  const server = createServer((socket) => {
    socket.resume().on("error", () => {});
    t.after(() => void socket.destroy());
  });
  t.after(() => void server.close());
  return listen(server);
}

async function withBlob(t: Cleaner) {
  const registry = await memoryRegistry(t);
  registry.blobs.set(DESCRIPTOR.digest, BLOB);
  return { registry, repository: repositoryAt(t, registry.address, IMPATIENT) };
}

describe("a registry that does not respond", () => {
  it("is given up after the deadline", async (t) => {
    const address = await startServer(t, () => {});
    await assertGivenUp(() => connect(t, address, IMPATIENT).send(GET), /^no response/);
  });

  it("is given up after the deadline if it does not answer an upload", async (t) => {
    const registry = await memoryRegistry(t);
    registry.intercept(first(1000, STEPS.putBlob, (request) => void request.resume()));
    const small = BLOB.subarray(0, 1000);
    const repository = repositoryAt(t, registry.address, IMPATIENT);
    await assertGivenUp(() => repository.pushBlob(small, digestOf(small)), /^no response/);
  });

  it("is given up after the deadline if it does not complete the TLS handshake", async (t) => {
    const transport = connect(t, await silentServer(t), { ...IMPATIENT, plainHttp: false });
    await assertGivenUp(() => transport.send(GET), /^no response/);
  });

  it("is given up after the deadline if its proxy does not respond", async (t) => {
    const env = { HTTPS_PROXY: `http://${await silentServer(t)}` };
    const transport = connect(t, "registry.example:5000", { ...IMPATIENT, env });
    await assertGivenUp(() => transport.send(GET), /^no response .*through the proxy/);
  });

  it("is given up after the deadline if its token server does not respond", async (t) => {
    const realm = `http://${await startServer(t, () => {})}/token`;
    const address = await startServer(t, (_, response) => {
      response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end();
    });
    await assertGivenUp(() => connect(t, address, IMPATIENT).send(GET), /^no response/);
  });

  it("ends at once after an abort, even while it connects", async (t) => {
    const controller = new AbortController();
    const transport = connect(t, await silentServer(t), { plainHttp: false, signal: controller.signal });
    setTimeout(() => controller.abort(new Error("stop")), 50);
    const start = performance.now();
    await assert.rejects(transport.send(GET), /^Error: stop$/);
    assert.ok(performance.now() - start < 5000);
  });

  it("has more time to respond after a large body", async (t) => {
    const registry = await memoryRegistry(t);
    registry.intercept(
      first(1, STEPS.putBlob, async (request, response) => {
        for await (const _ of request);
        await sleep(1000);
        response.writeHead(201).end();
      }),
    );
    const large = noise(5 << 20);
    await repositoryAt(t, registry.address, IMPATIENT).pushBlob(large, digestOf(large));
    assert.deepEqual(
      registry.requests.map(({ method }) => method),
      ["POST", "PUT"],
    );
  });
});

describe("a slow transfer", () => {
  it("is given up after the deadline if a download has 100 bytes a second", async (t) => {
    const { registry, repository } = await withBlob(t);
    registry.intercept(
      first(1000, STEPS.getBlob, async (_, response) => {
        response.writeHead(200, { "content-length": BLOB.length });
        for (let sent = 0; !response.destroyed; sent++) {
          response.write(BLOB.subarray(sent, sent + 1));
          await sleep(10);
        }
      }),
    );
    await assertGivenUp(() => collect(repository.fetchBlob(DESCRIPTOR)), /^the transfer stalled/);
  });

  it("is given up after the deadline if a manifest has 100 bytes a second", async (t) => {
    const address = await startServer(t, async (_, response) => {
      response.writeHead(200, { "content-type": "application/vnd.oci.image.manifest.v1+json" });
      while (!response.destroyed) {
        response.write(" ");
        await sleep(10);
      }
    });
    const repository = repositoryAt(t, address, IMPATIENT);
    await assertGivenUp(() => repository.fetchManifest("1"), /^the transfer stalled/);
  });

  it("is not stalled with 160 KB a second", async (t) => {
    const { registry, repository } = await withBlob(t);
    registry.intercept(
      first(1, STEPS.getBlob, async (_, response) => {
        response.writeHead(200, { "content-length": BLOB.length });
        for (let start = 0; start < BLOB.length; start += 64 << 10) {
          response.write(BLOB.subarray(start, start + (64 << 10)));
          await sleep(100);
        }
        response.end();
      }),
    );
    assertBytes(await collect(repository.fetchBlob(DESCRIPTOR)), BLOB);
    assert.equal(registry.requests.length, 1);
  });

  it("is not stalled if the reader of a download is slow", async (t) => {
    const { registry, repository } = await withBlob(t);
    const chunks: Buffer[] = [];
    for await (const chunk of repository.fetchBlob(DESCRIPTOR)) {
      if (chunks.length < 2) await sleep(700);
      chunks.push(chunk);
    }
    assertBytes(Buffer.concat(chunks), BLOB);
    assert.equal(registry.requests.length, 1);
  });

  it("is not stalled if the source of an upload is slow", async (t) => {
    const { registry, repository } = await withBlob(t);
    async function* slowly(): AsyncGenerator<Buffer> {
      for await (const piece of pieces(BLOB, 512 << 10)) {
        await sleep(700);
        yield piece;
      }
    }
    await repository.pushStreamedBlob(slowly);
    assert.deepEqual(
      registry.requests.map(({ method }) => method),
      ["POST", "PATCH", "PUT"],
    );
  });
});
