/** Tests the client with an in-memory registry that answers as zot does. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { RegistryRequest } from "oras-push/oci/http/message";
import { digestOf } from "oras-push/oci/meter";
import { Repository } from "oras-push/oci/repository";
import type { Interceptor } from "../../../support/registry/memory-registry.ts";
import { chain, resetting, STEPS } from "../../support/registry/faults.ts";
import { zotAnswers } from "../../support/registry/zot-answers.ts";
import { assertBytes, connect, memoryRegistry, noise, pieces } from "../support.ts";
import { uploadWays } from "../upload-ways.ts";

const BLOB = noise(300_000);
const DIGEST = digestOf(BLOB);

const WAYS = uploadWays(BLOB);

const UPLOADS = "/v2/metric/run/blobs/uploads/";
const SCOPE = "repository:metric/run:pull,push";

/**
 * Starts an in-memory registry that answers as zot does, and a client. `answers` contains one text for each answer, in
 * order: the method of the request and the status of the answer.
 */
async function likeZot(t: TestContext) {
  const registry = await memoryRegistry(t);
  const answers: string[] = [];
  const noting: Interceptor = ({ method }, response) => {
    response.once("finish", () => answers.push(`${method} ${response.statusCode}`));
    return false;
  };
  const zot = chain(noting, zotAnswers(registry));
  registry.intercept(zot);
  const transport = connect(t, registry.address);
  const repository = new Repository(transport, "metric/run", "pull,push");
  /** Sends one request, and returns the Location of the response. */
  const send = async (
    method: "POST" | "PATCH" | "PUT",
    target: string | URL,
    body?: RegistryRequest["body"],
    headers: Record<string, string> = body === undefined ? { "content-length": "0" } : {},
  ): Promise<string> => {
    const response = await transport.send({ method, target, scope: SCOPE, expect: [201, 202], body, headers });
    await response.discard();
    return response.header("location") ?? "";
  };
  /** Opens an upload, and returns its URL. */
  const start = async () => new URL(await send("POST", UPLOADS), `http://${registry.address}`);
  return { registry, zot, answers, transport, repository, send, start };
}

describe("a registry that answers as zot", () => {
  it("opens an upload at a relative location", async (t) => {
    const { send } = await likeZot(t);
    const location = await send("POST", UPLOADS);
    assert.match(location, /^\/v2\/metric\/run\/blobs\/uploads\/[^/]+$/);
  });

  for (const [what, { body, push }] of Object.entries(WAYS)) {
    it(`receives ${what} with a Content-Length in the PUT`, async (t) => {
      const { registry, answers, repository } = await likeZot(t);
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      const carrying = body === STEPS.patch ? ["PATCH 202"] : [];
      assert.deepEqual(answers, ["POST 202", ...carrying, "PUT 201"]);
      const put = registry.requests.at(-1);
      assert.equal(put?.headers["content-length"], String(body === STEPS.patch ? 0 : BLOB.length));
      assert.equal(put?.headers["transfer-encoding"], undefined);
    });

    it(`receives ${what} again from the start after a broken connection`, async (t) => {
      const { registry, zot, answers, repository } = await likeZot(t);
      registry.intercept(chain(zot, resetting(body, 100_000)));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(registry.uploads.size, 0);
      // After a broken PATCH, the upload no longer exists. After a broken PUT, the upload exists, but is empty.
      assert.equal(
        answers.find((answer) => answer.startsWith("GET")),
        body === STEPS.patch ? "GET 404" : "GET 204",
      );
      assert.equal(answers.filter((answer) => answer === "POST 202").length, 2);
      assert.equal(answers.at(-1), "PUT 201");
    });
  }

  it("accepts chunks of an upload only at their offsets", async (t) => {
    const { registry, send, start } = await likeZot(t);
    const upload = await start();
    const last = new URL(`${upload}?digest=${DIGEST}`);
    const [head, tail] = [BLOB.subarray(0, 1000), BLOB.subarray(1000)];
    const range = (start: number) => ({ "content-range": `${start}-${start + tail.length - 1}` });
    const misplaced = { status: 416, registryCode: "BLOB_UPLOAD_INVALID" };
    await send("PATCH", upload, head);
    await assert.rejects(send("PATCH", upload, tail, range(999)), misplaced);
    await assert.rejects(send("PUT", last, tail, range(1001)), misplaced);
    // A PUT without Content-Range starts at 0.
    await assert.rejects(send("PUT", last, tail), misplaced);
    await send("PUT", last, tail, range(1000));
    assertBytes(registry.blobs.get(DIGEST), BLOB);
  });

  it("refuses a PUT with chunked encoding", async (t) => {
    const { registry, send, start } = await likeZot(t);
    const target = new URL(`${await start()}?digest=${DIGEST}`);
    await assert.rejects(
      send("PUT", target, () => pieces(BLOB)),
      { status: 400, registryCode: "DIGEST_INVALID" },
    );
    assert.equal(registry.requests.at(-1)?.headers["transfer-encoding"], "chunked");
    assert.equal(registry.blobs.size, 0);
  });

  it("mounts a known blob, and opens an upload for an unknown one, which the client cancels", async (t) => {
    const { registry, answers, transport } = await likeZot(t);
    const [one, other] = ["metric/one", "metric/other"].map((name) => new Repository(transport, name, "pull,push"));
    assert.ok(one && other);
    assert.equal(await other.mountBlob(DIGEST, one), false);
    assert.deepEqual(answers, ["POST 202", "DELETE 204"]);
    assert.equal(registry.uploads.size, 0);
    await one.pushBlob(BLOB, DIGEST);
    assert.equal(await other.mountBlob(DIGEST, one), true);
    assert.deepEqual(answers.at(-1), "POST 201");
    assert.equal(registry.uploads.size, 0);
  });
});
