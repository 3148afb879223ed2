/** Patterns of tags as inputs: every matching artifact of a repository becomes an input. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseTagPattern } from "oras-push/oci/tag-pattern";
import { matchingTags } from "oras-push/sidecar/find-inputs";
import { type TestPod, testPod, waitForPath } from "../../support/pod.ts";

async function push(pod: TestPod, name: string, content: string, ...args: readonly string[]): Promise<void> {
  writeFileSync(join(pod.folder, "result.txt"), content);
  const { code, stderr } = await pod.start("oras-push", [pod.reference(name), "result.txt", ...args]).ended;
  assert.equal(code, 0, stderr);
}

/** Runs a step whose command does nothing, and returns the names and contents of its inputs. */
async function inputsOf(pod: TestPod, ...args: readonly string[]): Promise<Record<string, string>> {
  const sidecar = pod.start("oras-push", ["sidecar", ...args, "NA"]);
  const launcher = await pod.start("launcher", ["in", "NA", "true"]).ended;
  const { code, stderr } = await sidecar.ended;
  assert.equal(code, 0, stderr);
  assert.equal(launcher.code, 0, launcher.stderr);
  const folder = join(pod.folder, "in");
  return Object.fromEntries(
    readdirSync(folder).map((tag) => [tag, readFileSync(join(folder, tag, "result.txt"), "utf8")]),
  );
}

/** Returns the tags and digests of the manifests that the registry has sent. */
function fetchedManifests(pod: TestPod): string[] {
  const fetched = pod.registry.requests.filter(({ method, url }) => method === "GET" && url.includes("/manifests/"));
  return fetched.map(({ url }) => url.slice(url.lastIndexOf("/") + 1));
}

const initMarker = (pod: TestPod) => JSON.parse(readFileSync(join(pod.share, "oras-operator-init.txt"), "utf8"));

describe("a pattern of tags", () => {
  it("is a reference whose tag has pattern characters", () => {
    assert.deepEqual(parseTagPattern("localhost:5000/a/b:iter-*"), {
      registry: "localhost:5000",
      repository: "a/b",
      pattern: "iter-*",
    });
    for (const text of ["localhost:5000/a", "r.io/a:1", `r.io/a@sha256:${"a".repeat(64)}`])
      assert.equal(parseTagPattern(text), undefined);
    assert.throws(() => parseTagPattern("r.io/a:x y*"), /is not a valid tag pattern/);
    assert.throws(() => parseTagPattern("r.io/A:*"), /not a valid repository/);
  });

  it("matches no tag of a failed run, of an incomplete run or of a checkpoint", () => {
    const tags = ["iter-0", "iter-1", "iter-1-failed", "iter-2-incomplete", "iter-3-checkpoint", "other", "../up"];
    assert.deepEqual(matchingTags(tags, "iter-*"), ["iter-0", "iter-1"]);
    assert.deepEqual(matchingTags(tags, "*"), ["iter-0", "iter-1", "other"]);
    assert.deepEqual(matchingTags(tags, "iter-{1,9}"), ["iter-1"]);
    assert.deepEqual(matchingTags(tags, "iter-[1-9]"), ["iter-1"]);
  });
});

describe("a fan-in", { timeout: 120_000 }, () => {
  it("pulls every matching tag into a folder with the name of the tag", async (context) => {
    const pod = await testPod(context);
    for (const tag of ["iter-0", "iter-1", "iter-10", "iter-1-failed", "iter-2-incomplete", "iter-1-checkpoint", "sum"])
      await push(pod, `squares:${tag}`, tag);
    const source = pod.reference("squares:iter-*");
    assert.deepEqual(await inputsOf(pod, source), { "iter-0": "iter-0", "iter-1": "iter-1", "iter-10": "iter-10" });
    const { inputs, sources } = initMarker(pod);
    assert.deepEqual(sources, [source]);
    const references = ["iter-0", "iter-1", "iter-10"].map((tag) => pod.reference(`squares:${tag}`));
    assert.deepEqual(
      inputs.map(({ reference }: { reference: string }) => reference),
      references,
    );
  });

  it("skips the artifact of a failed run that has another tag", async (context) => {
    const pod = await testPod(context);
    await push(pod, "squares:iter-0", "good");
    await push(pod, "squares:iter-1", "bad", "--annotation", "dev.oras-pod-tools.run.exit-code=3");
    assert.deepEqual(await inputsOf(pod, pod.reference("squares:iter-*")), { "iter-0": "good" });
  });

  it("skips the image of a mountable artifact", async (context) => {
    const pod = await testPod(context);
    await push(pod, "squares:iter-0", "0", "--mountable");
    assert.ok(pod.registry.manifests.has("metric/squares:iter-0-image"));
    assert.deepEqual(await inputsOf(pod, pod.reference("squares:iter-*")), { "iter-0": "0" });
  });

  it("waits for late tags until there are as many as --input-count", async (context) => {
    const pod = await testPod(context);
    await push(pod, "squares:iter-0", "0");
    const args = ["--input-timeout", "60", "--input-count", "3", pod.reference("squares:iter-*")];
    const pulled = inputsOf(pod, ...args);
    while (!pod.registry.requests.some(({ url }) => url.includes("/tags/list"))) await sleep(20);
    await push(pod, "squares:iter-1", "1");
    assert.equal(existsSync(join(pod.share, "oras-operator-init.txt")), false);
    await push(pod, "squares:iter-2", "2");
    assert.deepEqual(await pulled, { "iter-0": "0", "iter-1": "1", "iter-2": "2" });
  });

  it("names the pattern and the number of tags after the timeout", async (context) => {
    const pod = await testPod(context);
    await push(pod, "squares:iter-0", "0");
    const args = ["--input-timeout", "0", "--input-count", "2", pod.reference("squares:iter-*"), "NA"];
    const { code, stderr } = await pod.start("oras-push", ["sidecar", ...args]).ended;
    assert.equal(code, 124);
    assert.match(stderr, /the input \S+squares:iter-\* \(found 1 of 2 tags\) is not in the registry: timed out/);
  });

  it("fails at once without a timeout if no tag matches", async (context) => {
    const pod = await testPod(context);
    const { code, stderr } = await pod.start("oras-push", ["sidecar", pod.reference("squares:iter-*"), "NA"]).ended;
    assert.equal(code, 76);
    assert.match(stderr, /\noras-push: cannot find the input \S+squares:iter-\*\n$/);
  });

  it("refuses two repositories with the same tag, because the folders would be mixed", async (context) => {
    const pod = await testPod(context);
    await push(pod, "odd:run-1", "odd");
    await push(pod, "even:run-1", "even");
    const args = ["sidecar", pod.reference("odd:run-*"), "NA", "--pull-from", pod.reference("even:run-*")];
    const { code, stderr } = await pod.start("oras-push", args).ended;
    assert.equal(code, 66);
    assert.match(stderr, /two inputs have the tag run-1 \(\S+odd:run-1, \S+even:run-1\)/);
  });

  it("requests the manifest of each tag once, so that it pulls the digest that it found", async (context) => {
    const pod = await testPod(context);
    for (const tag of ["iter-0", "iter-1"]) await push(pod, `squares:${tag}`, tag);
    await inputsOf(pod, pod.reference("squares:iter-*"));
    assert.deepEqual(fetchedManifests(pod).sort(), ["iter-0", "iter-1"]);
  });

  it("requests manifests again by their digests if all manifests together exceed 4 MiB", async (context) => {
    const pod = await testPod(context);
    const annotations = Array.from({ length: 12 }, (_, index) => ["--annotation", `a${index}=${"x".repeat(120_000)}`]);
    const tags = ["iter-0", "iter-1", "iter-2"];
    for (const tag of tags) await push(pod, `squares:${tag}`, tag, ...annotations.flat());
    await inputsOf(pod, pod.reference("squares:iter-*"));
    const digests = initMarker(pod).inputs.map(({ digest }: { digest: string }) => digest);
    const again = fetchedManifests(pod).filter((name) => !tags.includes(name));
    assert.equal(again.length, 1);
    assert.ok(digests.includes(again[0]));
  });

  it("does not pull again after a restart of the sidecar, even if a new tag matches", async (context) => {
    const pod = await testPod(context);
    await push(pod, "squares:iter-0", "0");
    const args = ["sidecar", pod.reference("squares:iter-*"), "NA"];
    const first = pod.start("oras-push", args);
    await waitForPath(join(pod.share, "oras-operator-init.txt"));
    first.child.kill("SIGKILL");
    await first.ended;
    await push(pod, "squares:iter-1", "1");
    assert.deepEqual(await inputsOf(pod, pod.reference("squares:iter-*")), { "iter-0": "0" });
  });

  it("refuses --input-count without a pattern", async (context) => {
    const pod = await testPod(context);
    const { code, stderr } = await pod.start("oras-push", ["sidecar", "--input-count", "2", "NA", "NA"]).ended;
    assert.equal(code, 64);
    assert.match(stderr, /--input-count needs an input with a pattern/);
  });
});
