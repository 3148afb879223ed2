/** How a native sidecar ends. In one test, several launchers run beside it in turn, and each of them must exit. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { SHARE } from "shared/pod/markers";
import { runTool, startTool } from "../../support/tools.ts";
import { memoryRegistry } from "../oras-push/support.ts";
import { temporaryFolder } from "../support/temporary.ts";

const ROUNDS = 40;

it(`a launcher with a native sidecar exits in each of ${ROUNDS} rounds`, { timeout: 240_000 }, async (t) => {
  const registry = await memoryRegistry(t);
  const folder = temporaryFolder(t);
  const reference = `${registry.address}/metric/native:1`;
  const share = join(folder, "share");
  mkdirSync(share);
  const sidecar = startTool("oras-push", ["sidecar", "--native", "--share", share, "NA", reference]);
  t.after(() => sidecar.child.kill("SIGKILL"));
  const options = { env: { PATH: process.env.PATH }, cwd: folder };
  const args = ["-q", "--wait-push", "--share", share, "--output", "share/out", "--", "sh", "-c"];
  for (let round = 0; round < ROUNDS; round++)
    assert.equal((await runTool("launcher", [...args, "mkdir -p share/out; exit 4"], options)).code, 4);
  sidecar.child.kill("SIGTERM");
  assert.equal((await sidecar.ended).code, 0);
});

it("a native sidecar that starts after the end of the application ends without SIGTERM", {
  timeout: 60_000,
}, async (t) => {
  const registry = await memoryRegistry(t);
  const share = temporaryFolder(t);
  mkdirSync(join(share, "outputs"));
  writeFileSync(join(share, "outputs", "f"), "content");
  writeFileSync(join(share, SHARE.done), "");
  const args = ["sidecar", "--native", "--share", share, "NA", `${registry.address}/metric/late:1`];
  const { code, stderr } = await runTool("oras-push", args);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /no new launcher has started/);
  assert.ok(registry.manifests.has("metric/late:1"));
});
