/** The provenance annotations of a pod's artifact. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { runTool } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";

it("annotates an output with its pod, run and inputs, also after a restart of the sidecar", async (t) => {
  const folder = temporaryFolder(t);
  const registry = await startMemoryRegistry();
  t.after(() => registry.close());
  const at = (name: string) => `${registry.address}/${name}`;
  writeFileSync(join(folder, "in.txt"), "input\n");
  const input = await runTool("oras-push", [at("in:1"), "in.txt", "--format", "json"], { cwd: folder });
  const { digest } = JSON.parse(input.stdout);
  const env = { ORAS_SHARE: join(folder, "share"), POD_NAME: "step-0", POD_NAMESPACE: "metric", NODE_NAME: "node-1" };
  const sidecar = (to: string) => runTool("oras-push", ["sidecar", at("in:1"), at(`{POD_NAMESPACE}:${to}`)], { env });
  const command = ["sh", "-c", `cp ${folder}/work/in.txt ${folder}/out.txt`];
  const launcher = runTool("launcher", [join(folder, "work"), join(folder, "out.txt"), ...command], {
    env: { ...env, PATH: process.env.PATH },
  });
  const first = await sidecar("first");
  assert.equal(first.code, 0, first.stderr);
  assert.equal((await launcher).code, 0);
  // The second sidecar finds the inputs and the marker of the launcher on the volume.
  const again = await sidecar("again");
  assert.equal(again.code, 0, again.stderr);
  for (const tag of ["first", "again"]) {
    const { annotations } = JSON.parse(String(registry.manifests.get(`metric:${tag}`)?.bytes));
    const annotation = (name: string) => annotations[`dev.oras-pod-tools.run.${name}`];
    assert.deepEqual(JSON.parse(annotation("inputs")), [{ reference: at("in:1"), digest }]);
    assert.deepEqual([annotation("pod"), annotation("namespace"), annotation("node")], ["step-0", "metric", "node-1"]);
    assert.ok(Date.parse(annotation("started")) <= Date.parse(annotation("finished")));
  }
});
