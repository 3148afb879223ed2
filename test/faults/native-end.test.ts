/** A native sidecar watches the launcher again after each push. This must not delay the end of the launcher. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { runTool, startTool } from "../../support/tools.ts";
import { memoryRegistry } from "../oras-push/support.ts";
import { temporaryFolder } from "../support/temporary.ts";

const ROUNDS = 60;

it(`a launcher with a native sidecar exits in each of ${ROUNDS} rounds`, { timeout: 60_000 }, async (t) => {
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
