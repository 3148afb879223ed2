/** A server that answers with the status 101, although no client asked for another protocol. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { it } from "node:test";
import { closeServer, listen } from "../../support/registry/server.ts";
import { runTool } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";

it("a push to a server that switches the protocol fails with 69, and names the server", async (t) => {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(101).end();
  });
  t.after(() => closeServer(server));
  const address = await listen(server);
  const cwd = temporaryFolder(t);
  writeFileSync(join(cwd, "run.out"), "Loop time of 12.5347\n");
  const { code, stderr } = await runTool("oras-push", [`${address}/metric/run:1`, "run.out"], { cwd });
  assert.equal(code, 69, stderr);
  assert.match(stderr, new RegExp(`cannot reach the registry ${address} \\(its response is not HTTP/1.1`));
});
