/** Our client against the in-process registry when that answers as zot does, where zot differs from distribution. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { digestOf } from "oras-push/oci/meter";
import { Repository } from "oras-push/oci/repository";
import { Uploads } from "oras-push/oci/upload";
import type { Interceptor } from "../../../support/registry/memory-registry.ts";
import { chain, type Match, resetting, STEPS } from "../../support/registry/faults.ts";
import { zotAnswers } from "../../support/registry/zot-answers.ts";
import { assertBytes, connect, memoryRegistry, noise, pieces } from "../support.ts";

const BLOB = noise(300_000);
const DIGEST = digestOf(BLOB);

/** The ways to send a blob, with the step that carries its bytes. */
const WAYS: Readonly<Record<string, { body: Match; push: (repository: Repository) => Promise<unknown> }>> = {
  "a blob in memory": { body: STEPS.putBlob, push: (repository) => repository.pushBlob(BLOB, DIGEST) },
  "a blob of known size": {
    body: STEPS.putBlob,
    push: (repository) => repository.pushKnownBlob({ digest: DIGEST, size: BLOB.length }, () => pieces(BLOB)),
  },
  "a streamed blob": { body: STEPS.patch, push: (repository) => repository.pushStreamedBlob(() => pieces(BLOB)) },
};

const SCOPE = "repository:metric/run:pull,push";

/** A registry like zot with a client; `answers` has the method and the status of each answer in order. */
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
  return { registry, zot, answers, transport, repository, uploads: new Uploads(transport, "/v2/metric/run", SCOPE) };
}

describe("a registry that answers as zot", () => {
  it("opens an upload at a relative location", async (t) => {
    const { transport } = await likeZot(t);
    const target = "/v2/metric/run/blobs/uploads/";
    const response = await transport.send({ method: "POST", target, scope: SCOPE, expect: [202] });
    await response.discard();
    assert.match(response.header("location") ?? "", /^\/v2\/metric\/run\/blobs\/uploads\/[^/]+$/);
  });

  for (const [what, { body, push }] of Object.entries(WAYS)) {
    it(`gets ${what} with a PUT that has a length`, async (t) => {
      const { registry, answers, repository } = await likeZot(t);
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      const carrying = body === STEPS.patch ? ["PATCH 202"] : [];
      assert.deepEqual(answers, ["POST 202", ...carrying, "PUT 201"]);
      const put = registry.requests.at(-1);
      assert.equal(put?.headers["content-length"], String(body === STEPS.patch ? 0 : BLOB.length));
      assert.equal(put?.headers["transfer-encoding"], undefined);
    });

    it(`gets ${what} again from the start when its body broke off`, async (t) => {
      const { registry, zot, answers, repository } = await likeZot(t);
      registry.intercept(chain(zot, resetting(body, 100_000)));
      await push(repository);
      assertBytes(registry.blobs.get(DIGEST), BLOB);
      assert.equal(registry.uploads.size, 0);
      // The upload of a broken PATCH does not exist any more. That of a broken PUT exists, without bytes.
      const afterBreak = body === STEPS.patch ? ["GET 404", "DELETE 404"] : ["GET 204", "DELETE 204"];
      const carrying = body === STEPS.patch ? ["PATCH 202"] : [];
      assert.deepEqual(answers, ["POST 202", ...afterBreak, "POST 202", ...carrying, "PUT 201"]);
    });
  }

  it("takes the chunks of an upload at their offsets only", async (t) => {
    const { registry, uploads } = await likeZot(t);
    const [head, tail] = [BLOB.subarray(0, 1000), BLOB.subarray(1000)];
    const misplaced = { status: 416, registryCode: "BLOB_UPLOAD_INVALID" };
    await uploads.run(async (session) => {
      await uploads.patch(session, head, head.length);
      await assert.rejects(uploads.patch({ ...session, offset: 999 }, tail, tail.length), misplaced);
      // A PUT without Content-Range claims to begin at 0.
      await assert.rejects(uploads.finish(session, DIGEST, tail, tail.length), misplaced);
      await uploads.patch({ ...session, offset: 1000 }, tail, tail.length);
      await uploads.finish(session, DIGEST);
    });
    assertBytes(registry.blobs.get(DIGEST), BLOB);
  });

  it("refuses a PUT without a length", async (t) => {
    const { registry, transport, uploads } = await likeZot(t);
    const chunked = uploads.run(async ({ location }) => {
      const target = new URL(`${location}?digest=${DIGEST}`);
      const body = () => pieces(BLOB);
      await transport.send({ method: "PUT", target, scope: SCOPE, expect: [201], body, retry: false });
    });
    await assert.rejects(chunked, { status: 400, registryCode: "DIGEST_INVALID" });
    assert.equal(registry.requests.at(1)?.headers["transfer-encoding"], "chunked");
    assert.equal(registry.blobs.size, 0);
  });

  it("mounts a blob that it has, and opens an upload for one that it has not", async (t) => {
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
