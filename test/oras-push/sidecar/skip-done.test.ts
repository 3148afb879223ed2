/** The tools skip a run if its output is already in the registry. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isSameRun, isSuccessful } from "oras-push/sidecar/finished-run";
import { type TestPod, testPod } from "../../support/pod.ts";

const SKIP_DONE = ["--skip-done"];

interface Run {
  /** Options of the sidecar. */
  readonly sidecar?: readonly string[];
  readonly launcher?: readonly string[];
  /** The input. By default, the step has no input. */
  readonly input?: string;
  readonly script?: string;
}

/** Runs a step with a new volume. Returns whether the command ran, and the results of both tools. */
async function step(pod: TestPod, { sidecar = SKIP_DONE, launcher = SKIP_DONE, input, script = "" }: Run = {}) {
  rmSync(pod.share, { recursive: true, force: true });
  rmSync(join(pod.folder, "ran"), { force: true });
  const from = input === undefined ? "NA" : pod.reference(input);
  const pushing = pod.start("oras-push", ["sidecar", ...sidecar, from, pod.reference("step:1")]);
  const inputs = input === undefined ? [] : ["--input", "in"];
  const command = ["sh", "-c", `touch ran; mkdir -p share/out; echo result > share/out/a; ${script}`];
  const launched = await pod.start("launcher", [...launcher, ...inputs, "--output", "share/out", "--", ...command])
    .ended;
  const pushed = await pushing.ended;
  return { ran: existsSync(join(pod.folder, "ran")), launched, pushed };
}

async function pushInput(pod: TestPod, content: string): Promise<void> {
  writeFileSync(join(pod.folder, "input.txt"), content);
  assert.equal((await pod.start("oras-push", [pod.reference("input:1"), "input.txt"]).ended).code, 0);
}

const puts = (pod: TestPod) => pod.registry.requests.filter(({ method }) => method !== "GET" && method !== "HEAD");

describe("a run whose output is in the registry", { timeout: 120_000 }, () => {
  it("is skipped: both tools exit with 0 and say why in one line, and nothing is sent", async (context) => {
    const pod = await testPod(context);
    const first = await step(pod);
    assert.equal(first.ran, true);
    assert.equal(first.pushed.code, 0, first.pushed.stderr);
    const sent = puts(pod).length;
    const { ran, launched, pushed } = await step(pod);
    assert.equal(ran, false);
    assert.deepEqual([launched.code, pushed.code], [0, 0]);
    const name = pod.reference("step:1");
    const reason = `${name} is already the output of a successful run with the same inputs and --cache-key`;
    assert.ok(pushed.stderr.includes(`\noras-push: skipped the run: ${reason}\n`), pushed.stderr);
    const skipped = `\nlauncher: skipped the command: ${name} is the output of an earlier successful run\n`;
    assert.ok(launched.stderr.includes(skipped), launched.stderr);
    assert.equal(puts(pod).length, sent);
  });

  it("is skipped with --wait-push and --native too", async (context) => {
    const pod = await testPod(context);
    await step(pod);
    rmSync(pod.share, { recursive: true });
    const args = ["sidecar", "--native", "--skip-done", "NA", pod.reference("step:1")];
    const sidecar = pod.start("oras-push", args);
    const launcher = ["--skip-done", "--wait-push", "--output", "share/out", "--", "false"];
    assert.equal((await pod.start("launcher", launcher).ended).code, 0);
    sidecar.child.kill("SIGTERM");
    assert.equal((await sidecar.ended).code, 0);
    const pushed = JSON.parse(readFileSync(join(pod.share, "oras-operator-pushed.txt"), "utf8"));
    assert.equal(pushed.reference, pod.reference("step:1"));
  });

  it("is skipped with the same input, and pulls no input", async (context) => {
    const pod = await testPod(context);
    await pushInput(pod, "one");
    assert.equal((await step(pod, { input: "input:1" })).ran, true);
    rmSync(join(pod.folder, "in"), { recursive: true });
    assert.equal((await step(pod, { input: "input:1" })).ran, false);
    assert.equal(existsSync(join(pod.share, "inputs")), false);
    assert.equal(existsSync(join(pod.folder, "in")), false);
  });

  for (const [change, before, after] of [
    ["another cache key", ["--cache-key", "v1"], ["--cache-key", "v2"]],
    ["a cache key that the output does not have", [], ["--cache-key", "v1"]],
    ["no cache key", ["--cache-key", "v1"], []],
  ] as const)
    it(`runs with ${change}, and says why`, async (context) => {
      const pod = await testPod(context);
      await step(pod, { sidecar: [...SKIP_DONE, ...before] });
      assert.equal((await step(pod, { sidecar: [...SKIP_DONE, ...before] })).ran, false);
      const { ran, pushed } = await step(pod, { sidecar: [...SKIP_DONE, ...after] });
      assert.equal(ran, true);
      assert.match(
        pushed.stderr,
        /: the run is not skipped: \S+step:1 exists, but its run had other inputs or another /,
      );
    });

  it("runs if an input has changed", async (context) => {
    const pod = await testPod(context);
    await pushInput(pod, "one");
    await step(pod, { input: "input:1" });
    await pushInput(pod, "two");
    assert.equal((await step(pod, { input: "input:1" })).ran, true);
  });

  it("runs without the option, and runs after a failed run", async (context) => {
    const pod = await testPod(context);
    assert.equal((await step(pod, { script: "exit 3" })).launched.code, 3);
    assert.equal((await step(pod)).ran, true);
    assert.equal((await step(pod, { sidecar: [], launcher: [] })).ran, true);
  });

  it("runs if the registry has lost a blob of the output", async (context) => {
    const pod = await testPod(context);
    await step(pod);
    pod.registry.intercept(({ method, url }, response) => {
      if (method !== "HEAD" || !/\/blobs\//.test(url ?? "")) return false;
      response.writeHead(404).end();
      return true;
    });
    assert.equal((await step(pod)).ran, true);
  });

  it("loses no output of a launcher that does not wait for the sidecar", async (context) => {
    const pod = await testPod(context);
    await step(pod);
    const { ran, pushed } = await step(pod, { launcher: [], script: "echo changed > share/out/a" });
    assert.equal(ran, true);
    assert.match(pushed.stdout, /Pushed \[registry\]/);
  });

  it("keeps the decision when the sidecar restarts", async (context) => {
    const pod = await testPod(context);
    await step(pod);
    rmSync(pod.share, { recursive: true });
    const args = ["sidecar", "--skip-done", "NA", pod.reference("step:1")];
    const first = pod.start("oras-push", args);
    while (!existsSync(join(pod.share, "oras-operator-init.txt"))) await new Promise((done) => setTimeout(done, 20));
    first.child.kill("SIGKILL");
    await first.ended;
    const launcher = await pod.start("launcher", ["--skip-done", "--", "false"]).ended;
    assert.equal(launcher.code, 0);
    assert.equal((await pod.start("oras-push", args).ended).code, 0);
  });
});

it("counts as successful only with exit code 0, and only if it is whole", () => {
  const name = "dev.oras-pod-tools.run";
  assert.equal(isSuccessful({ [`${name}.exit-code`]: "0" }), true);
  assert.equal(isSuccessful({}), false);
  assert.equal(isSuccessful({ [`${name}.exit-code`]: "1" }), false);
  assert.equal(isSuccessful({ [`${name}.exit-code`]: "0", [`${name}.incomplete`]: "true" }), false);
});

it("compares references, digests and order of the inputs", () => {
  const [one, two] = ["1", "2"].map((n) => ({ reference: `r.io/in:${n}`, digest: `sha256:${n.repeat(64)}` }));
  assert.ok(one && two);
  const annotations = { "dev.oras-pod-tools.run.inputs": JSON.stringify([one, two]) };
  assert.equal(isSameRun(annotations, [one, two], undefined), true);
  assert.equal(isSameRun(annotations, [two, one], undefined), false);
  assert.equal(isSameRun(annotations, [one], undefined), false);
  assert.equal(isSameRun({}, [], undefined), true);
});
