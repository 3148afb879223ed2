/** Checks the markers of real pods against the JSON Schema in docs/markers.schema.json. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SHARE } from "shared/pod/markers";
import { ROOT } from "../../support/paths.ts";
import { start } from "../../support/tools.ts";
import { KUBERNETES_SKIP, PYTHON } from "../support/kubernetes.ts";
import { killProcess, type TestPod, testPod, waitForPath } from "../support/pod.ts";

const SCHEMA = join(ROOT, "docs", "markers.schema.json");

/** Reads an object from stdin and a schema from the file in the argument. Prints each violation of the schema. */
const VALIDATE = [
  "import json, sys, jsonschema",
  "schema = json.load(open(sys.argv[1]))",
  "jsonschema.Draft202012Validator.check_schema(schema)",
  "for error in jsonschema.Draft202012Validator(schema).iter_errors(json.load(sys.stdin)):",
  "    print('/'.join(map(str, error.absolute_path)), error.message)",
].join("\n");

/** Returns a text with all places where the markers violate the schema. */
async function differences(markers: Readonly<Record<string, unknown>>): Promise<string> {
  const { child, ended } = start(PYTHON, ["-c", VALIDATE, SCHEMA], { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin?.end(JSON.stringify(markers));
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Reads the markers on the volume of a pod. */
function markersOf({ share }: TestPod): Record<string, unknown> {
  const names = readdirSync(share).filter((name) => /^oras-operator-.*[.]txt$/.test(name));
  return Object.fromEntries(names.map((name) => [name, JSON.parse(readFileSync(join(share, name), "utf8"))]));
}

/** Runs both tools on a new volume until both end. */
async function step(pod: TestPod, sidecar: readonly string[], launcher: readonly string[]): Promise<void> {
  rmSync(pod.share, { recursive: true, force: true });
  mkdirSync(pod.share);
  const pushing = pod.start("oras-push", ["sidecar", ...sidecar]);
  await pod.start("launcher", launcher).ended;
  await pushing.ended;
}

const WRITE = ["--output", "share/out", "--", "sh", "-c", "echo x > share/out"];

describe("the JSON Schema of the markers", { skip: KUBERNETES_SKIP, timeout: 120_000 }, () => {
  it("describes the markers of a step with an input, and of a skipped step", async (context) => {
    const pod = await testPod(context);
    await step(pod, ["NA", pod.reference("in:1")], WRITE);
    const sidecar = ["--skip-done", pod.reference("in:*"), pod.reference("out:1")];
    const launcher = ["--input", "in", "--skip-done", "--logs", ...WRITE];
    for (const skipped of [false, true]) {
      await step(pod, sidecar, launcher);
      const markers = markersOf(pod);
      assert.equal("done" in (markers[SHARE.init] as object), skipped);
      for (const name of [SHARE.started, SHARE.init, SHARE.done, SHARE.pushed]) assert.ok(name in markers, name);
      assert.equal(await differences(markers), "");
    }
  });

  it("describes the markers of failures", async (context) => {
    const pod = await testPod(context);
    await step(pod, [pod.reference("none:1"), "NA"], ["--input", "in", ...WRITE]);
    const failed = markersOf(pod);
    for (const name of [SHARE.initFailed, SHARE.doneFailed]) assert.ok(name in failed, name);
    await step(pod, ["NA", "NA"], ["--output", "share/missing", "--", "true"]);
    const missing = markersOf(pod);
    assert.ok(SHARE.pushFailed in missing);
    for (const markers of [failed, missing]) assert.equal(await differences(markers), "");
  });

  it("describes the markers of checkpoints, and of a resumed run", async (context) => {
    const pod = await testPod(context);
    const command = "echo $$ > pid.new; mv pid.new pid; mkdir -p state; echo x > state/n; sleep 60";
    const options = ["--checkpoint", "state/*", "--checkpoint-every", "0.2", "--", "sh", "-c", command];
    const run = async (marker: string) => {
      rmSync(pod.share, { recursive: true, force: true });
      rmSync(join(pod.folder, "pid"), { force: true });
      mkdirSync(pod.share);
      const sidecar = pod.start("oras-push", ["sidecar", "--native", "--resume", "NA", pod.reference("count:1")]);
      const launcher = pod.start("launcher", options);
      for (const path of [join(pod.share, marker), join(pod.folder, "pid")]) await waitForPath(path);
      killProcess(Number(readFileSync(join(pod.folder, "pid"), "utf8")));
      await launcher.ended;
      sidecar.child.kill("SIGTERM");
      await sidecar.ended;
      const markers = markersOf(pod);
      assert.equal(await differences(markers), "");
      return markers;
    };
    const first = await run(SHARE.checkpointPushed);
    assert.ok(SHARE.checkpoint in first);
    const second = await run(SHARE.init);
    assert.ok("resumedFrom" in (second[SHARE.done] as object));
    assert.equal((await pod.start("launcher", ["--checkpoint-now"]).ended).code, 0);
    const requested = markersOf(pod);
    assert.ok(SHARE.checkpointNow in requested);
    assert.equal(await differences(requested), "");
  });

  it("refuses an unknown field, a missing field and a wrong value", async () => {
    const checkpoint = { schema: 1, attempt: "a", number: 1, patterns: [], files: 1, bytes: 1, takenAt: "" };
    assert.equal(await differences({ [SHARE.checkpoint]: checkpoint }), "");
    const { number, ...without } = checkpoint;
    for (const wrong of [{ ...checkpoint, other: 1 }, without, { ...checkpoint, number: -number }])
      assert.match(await differences({ [SHARE.checkpoint]: wrong }), /^oras-operator-checkpoint.txt/);
  });
});
