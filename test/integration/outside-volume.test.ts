/** An application must not make the sidecar push files of the sidecar's own container, such as credentials. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type TestPod, testPod, waitForPath } from "../support/pod.ts";

const DONE = "oras-operator-done.txt";
const CHECKPOINT = "oras-operator-checkpoint.txt";
const CHECKPOINT_PUSHED = "oras-operator-checkpoint-pushed.txt";
const SECRET = "the sidecar's password\n";

/** Returns a pod in which the folder `secrets` is outside of the volume. */
async function podWithSecret(context: Parameters<typeof testPod>[0]): Promise<TestPod> {
  const pod = await testPod(context);
  mkdirSync(join(pod.folder, "secrets"));
  writeFileSync(join(pod.folder, "secrets", "password"), SECRET);
  return pod;
}

/** Writes the done marker of an application that wrote `outputs`. Null means everything in the outputs folder. */
function writeDone(pod: TestPod, outputs: readonly string[] | null): void {
  const records = outputs?.map((path) => ({ path, files: 1, bytes: 1 }));
  writeFileSync(join(pod.share, DONE), records === undefined ? "" : JSON.stringify({ schema: 1, outputs: records }));
}

function assertNotPushed({ registry }: TestPod): void {
  assert.deepEqual([...registry.manifests.keys()], []);
  const stored = [...registry.blobs.values()].map((blob) => blob.toString());
  assert.ok(!stored.includes(SECRET));
}

describe("the sidecar refuses", { timeout: 120_000 }, () => {
  const link = (target: string, name: string) => (pod: TestPod) => {
    mkdirSync(join(pod.share, "outputs"), { recursive: true });
    symlinkSync(join(pod.folder, target), join(pod.share, name));
  };
  const linkFolder = (pod: TestPod) => symlinkSync(join(pod.folder, "secrets"), join(pod.share, "outputs"));
  const cases: Readonly<Record<string, readonly [(pod: TestPod) => void, readonly string[] | null]>> = {
    "a path in the done marker that leads out of the volume": [() => {}, ["../secrets/password"]],
    "a link in the done marker": [link("secrets/password", "result"), ["result"]],
    "a link instead of the outputs folder": [linkFolder, null],
    "a link instead of the outputs folder in the done marker": [linkFolder, ["outputs"]],
    "a link to a file in the outputs folder": [link("secrets/password", "outputs/result"), null],
    "a link to a folder in the outputs folder": [link("secrets", "outputs/result"), null],
    "a link in the outputs folder of the done marker": [link("secrets", "outputs/result"), ["outputs"]],
  };
  for (const [name, [prepare, outputs]] of Object.entries(cases))
    it(name, async (context) => {
      const pod = await podWithSecret(context);
      prepare(pod);
      writeDone(pod, outputs);
      const { code, stderr } = await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended;
      assert.equal(code, 66, stderr);
      assert.match(stderr, /\S+ is outside the shared volume/);
      assertNotPushed(pod);
    });

  it("a link instead of the folder of a checkpoint", async (context) => {
    const pod = await podWithSecret(context);
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]);
    mkdirSync(join(pod.share, "checkpoints"));
    symlinkSync(join(pod.folder, "secrets"), join(pod.share, "checkpoints", "1"));
    const marker = { schema: 1, number: 1, attempt: "a", patterns: ["x"], files: 1, bytes: 1 };
    writeFileSync(join(pod.share, CHECKPOINT), JSON.stringify(marker));
    await waitForPath(join(pod.share, CHECKPOINT_PUSHED));
    assert.match(readFileSync(join(pod.share, CHECKPOINT_PUSHED), "utf8"), /is outside the shared volume/);
    assertNotPushed(pod);
    writeDone(pod, []);
    assert.equal((await sidecar.ended).code, 0);
  });
});
