/** What zot answers otherwise than distribution, played by the in-process registry, and that we push all the same. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { digestOf } from "oras-push/oci/meter";
import { Repository } from "oras-push/oci/repository";
import { chain, resetting, STEPS } from "../../support/registry/faults.ts";
import { zotAnswers } from "../../support/registry/zot-answers.ts";
import { assertBytes, connect, memoryRegistry, noise, pieces, repositoryAt } from "../support.ts";

const BLOB = noise(300_000);
const DIGEST = digestOf(BLOB);

async function likeZot(t: TestContext) {
  const registry = await memoryRegistry(t);
  registry.intercept(zotAnswers(registry));
  const send = (method: string, path: string, headers: Record<string, string> = {}, body?: Buffer) =>
    new Promise<{ status: number; location: string }>((resolve, reject) => {
      const sent = request(`http://${registry.address}${path}`, { method, headers }, (answer) => {
        answer
          .resume()
          .once("end", () => resolve({ status: answer.statusCode ?? 0, location: answer.headers.location ?? "" }));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  const start = async () => (await send("POST", "/v2/metric/run/blobs/uploads/")).location;
  return { registry, send, start };
}

const sized = (body: Buffer) => ({ "content-length": String(body.length) });

describe("a registry that answers as zot", () => {
  it("gives relative locations, and takes a blob in one PUT with a length", async (t) => {
    const { registry, send, start } = await likeZot(t);
    const location = await start();
    assert.match(location, /^\/v2\/metric\/run\/blobs\/uploads\/[^/]+$/);
    assert.equal((await send("PUT", `${location}?digest=${DIGEST}`, sized(BLOB), BLOB)).status, 201);
    assertBytes(registry.blobs.get(DIGEST), BLOB);
  });

  it("refuses a PUT in chunks", async (t) => {
    const { send, start } = await likeZot(t);
    const coding = { "transfer-encoding": "chunked" };
    assert.equal((await send("PUT", `${await start()}?digest=${DIGEST}`, coding, BLOB)).status, 400);
  });

  it("refuses what does not follow what came, and last bytes that do not say where they belong", async (t) => {
    const { send, start } = await likeZot(t);
    const location = await start();
    const [head, tail] = [BLOB.subarray(0, 1000), BLOB.subarray(1000)];
    assert.equal((await send("PATCH", location, sized(head), head)).status, 202);
    const wrong = { ...sized(tail), "content-range": `999-${BLOB.length - 2}` };
    assert.equal((await send("PATCH", location, wrong, tail)).status, 416);
    const last = `${location}?digest=${DIGEST}`;
    assert.equal((await send("PUT", last, sized(tail), tail)).status, 416);
    const right = { ...sized(tail), "content-range": `1000-${BLOB.length - 1}` };
    assert.equal((await send("PUT", last, right, tail)).status, 201);
  });

  it("has a blob sent again from the start when its PATCH broke off, for the upload is gone", async (t) => {
    const { registry } = await likeZot(t);
    const seen: string[] = [];
    registry.intercept(
      chain(zotAnswers(registry), resetting(STEPS.patch, 100_000), (request, response) => {
        if (request.method === "GET") response.once("finish", () => seen.push(`GET ${response.statusCode}`));
        return false;
      }),
    );
    const sent = await repositoryAt(t, registry.address).pushStreamedBlob(() => pieces(BLOB));
    assert.deepEqual(seen, ["GET 404"]);
    assert.equal(sent.digest, DIGEST);
    assertBytes(registry.blobs.get(DIGEST), BLOB);
    assert.equal(registry.uploads.size, 0);
  });

  it("mounts a blob that it has, and opens an upload for one that it has not", async (t) => {
    const { registry } = await likeZot(t);
    const transport = connect(t, registry.address);
    const [one, other] = ["metric/one", "metric/other"].map((name) => new Repository(transport, name, "pull,push"));
    assert.ok(one && other);
    assert.equal(await other.mountBlob(DIGEST, one), false);
    await one.pushBlob(BLOB, DIGEST);
    assert.equal(await other.mountBlob(DIGEST, one), true);
  });
});
