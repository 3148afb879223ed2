import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, it } from "node:test";
import { tagTime } from "../../scripts/bench/cases/tag-time.ts";
import { startTimedRegistry } from "../../scripts/bench/timed-registry.ts";
import { closeServer, listen } from "../../support/registry/server.ts";

describe("the time from the done marker to the tag", () => {
  it("has the parts of a push", () => {
    const path = "/v2/run/blobs/uploads/";
    const times = tagTime(100, [
      { method: "HEAD", path: "/v2/run/blobs/sha256:config", start: 105, end: 120 },
      { method: "HEAD", path: "/v2/run/blobs/sha256:layer", start: 110, end: 112 },
      { method: "POST", path, start: 113, end: 115 },
      { method: "PUT", path, start: 116, end: 118 },
      { method: "PUT", path: "/v2/run/manifests/1", start: 121, end: 125 },
    ]);
    assert.deepEqual(times, { total: 25, first: 5, ask: 8, upload: 5, tag: 7, registry: 19 });
  });

  it("is measured by a proxy that forwards requests and responses", async (t) => {
    const registry = createServer((request, response) => {
      request.on("data", (body) => setTimeout(() => response.writeHead(201, { location: "/x" }).end(body), 20));
    });
    const address = await listen(registry);
    t.after(() => closeServer(registry));
    const proxy = await startTimedRegistry(address);
    t.after(() => proxy.close());
    const response = await fetch(`http://${proxy.address}/v2/?a=b`, { method: "PUT", body: "bytes" });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("location"), "/x");
    assert.equal(await response.text(), "bytes");
    const [{ method, path, start, end } = assert.fail()] = proxy.requests;
    assert.deepEqual({ method, path }, { method: "PUT", path: "/v2/?a=b" });
    assert.ok(end - start >= 19, `${end - start} ms`);
  });
});
