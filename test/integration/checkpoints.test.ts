/** Checkpoints of a running application, and runs that are resumed from them. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningProcess } from "../../support/tools.ts";
import { type TestPod, testPod, waitForPath } from "../support/pod.ts";

const CHECKPOINT = "oras-operator-checkpoint.txt";
const PUSHED = "oras-operator-checkpoint-pushed.txt";
const ANNOTATION = "dev.oras-pod-tools.run";

/** Counts from the number in the state file to `$GOAL`. For each number, replaces the state file by a rename. */
const COUNTER = [
  "echo $$ > pid.new; mv pid.new pid",
  "mkdir -p state",
  "n=$(cat state/n 2>/dev/null || echo 0)",
  'echo "start $n $ORAS_RESUMED $ORAS_RESUMED_FROM" >> starts',
  "while [ $n -lt $GOAL ]; do n=$((n+1)); echo $n > state/.n; mv state/.n state/n; sleep $STEP; done",
  "cp state/n share/result",
].join("\n");

interface Run {
  readonly sidecar: RunningProcess;
  readonly launcher: RunningProcess;
}

/** Starts a step in a new pod: with a new volume, and without the files of the last pod. */
function startStep(pod: TestPod, options: { goal: number; step?: string; sidecar?: readonly string[] }): Run {
  rmSync(pod.share, { recursive: true, force: true });
  rmSync(join(pod.folder, "state"), { recursive: true, force: true });
  mkdirSync(pod.share);
  const args = ["sidecar", ...(options.sidecar ?? ["--native", "--resume"]), "NA", pod.reference("count:1")];
  const sidecar = pod.start("oras-push", args);
  return { sidecar, launcher: startLauncher(pod, options.goal, options.step) };
}

function startLauncher(pod: TestPod, goal: number, step = "0.6"): RunningProcess {
  const options = ["--checkpoint", "state/*", "--checkpoint-every", "0.2", "--output", "share/result"];
  const env = { GOAL: String(goal), STEP: step };
  return pod.start("launcher", [...options, "--wait-push", "--", "sh", "-c", COUNTER], env);
}

async function killPod(pod: TestPod, { sidecar, launcher }: Run): Promise<void> {
  sidecar.child.kill("SIGKILL");
  await Promise.all([killContainer(pod, launcher), sidecar.ended]);
}

/** Kills the launcher and then its application, as the end of a container does. */
async function killContainer(pod: TestPod, { child, ended }: RunningProcess): Promise<void> {
  child.kill("SIGKILL");
  process.kill(-Number(readFileSync(join(pod.folder, "pid"), "utf8")), "SIGKILL");
  await ended;
}

const read = (pod: TestPod, name: string) => JSON.parse(readFileSync(join(pod.share, name), "utf8"));
const starts = (pod: TestPod) =>
  readFileSync(join(pod.folder, "starts"), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.trim());

async function until(check: () => boolean): Promise<void> {
  while (!check()) await sleep(20);
}

/** The manifest of a tag of the step. */
async function manifestOf(pod: TestPod, tag: string) {
  const response = await fetch(`http://${pod.registry.address}/v2/metric/count/manifests/${tag}`);
  assert.equal(response.status, 200);
  return (await response.json()) as {
    annotations: Record<string, string>;
    layers: { digest: string; annotations: Record<string, string> }[];
  };
}

/** Pushes a file with annotations of a run, as another pod would do. */
async function pushAnnotated(pod: TestPod, name: string, annotations: Record<string, string>): Promise<void> {
  writeFileSync(join(pod.folder, "file"), "x");
  const options = Object.entries(annotations).flatMap(([key, value]) => [
    "--annotation",
    `${ANNOTATION}.${key}=${value}`,
  ]);
  const { code, stderr } = await pod.start("oras-push", [pod.reference(name), "file", ...options]).ended;
  assert.equal(code, 0, stderr);
}

describe("checkpoints", { timeout: 120_000 }, () => {
  it("are pushed while the application runs, one layer for each file", async (context) => {
    const pod = await testPod(context);
    const run = startStep(pod, { goal: 1000 });
    await waitForPath(join(pod.share, PUSHED));
    assert.equal(existsSync(join(pod.share, "oras-operator-done.txt")), false);
    const { annotations, layers } = await manifestOf(pod, "1-checkpoint");
    assert.deepEqual(
      layers.map((layer) => layer.annotations["org.opencontainers.image.title"]),
      ["n"],
    );
    assert.equal(annotations[`${ANNOTATION}.attempt`], read(pod, CHECKPOINT).attempt);
    assert.ok(Number(annotations[`${ANNOTATION}.checkpoint`]) >= 1);
    const listed = await pod.start("oras-push", ["list", "--state", "checkpoint", pod.reference("count")]).ended;
    assert.match(listed.stdout, /^1-checkpoint +checkpoint /m);
    await killPod(pod, run);
  });

  it("let the next pod continue, and the output names the checkpoint", async (context) => {
    const pod = await testPod(context);
    const first = startStep(pod, { goal: 1000 });
    await until(() => existsSync(join(pod.share, PUSHED)) && read(pod, PUSHED).number >= 2);
    await killPod(pod, first);
    const { annotations } = await manifestOf(pod, "1-checkpoint");
    const second = startStep(pod, { goal: 5, step: "0.1" });
    const { code, stderr } = await second.launcher.ended;
    assert.equal(code, 0, stderr);
    const number = annotations[`${ANNOTATION}.checkpoint`];
    assert.ok(stderr.includes(`\nlauncher: resumed from checkpoint ${number}\n`), stderr);
    const [, last = ""] = starts(pod);
    assert.match(last, new RegExp(`^start [1-9]\\d* true ${number}$`));
    const output = await manifestOf(pod, "1");
    assert.equal(output.annotations[`${ANNOTATION}.resumed-from`], number);
    second.sidecar.child.kill("SIGTERM");
    assert.equal((await second.sidecar.ended).code, 0);
  });

  it("do not resume a run that has already succeeded", async (context) => {
    const pod = await testPod(context);
    const first = startStep(pod, { goal: 4 });
    assert.equal((await first.launcher.ended).code, 0);
    assert.equal((await manifestOf(pod, "1-checkpoint")).layers.length, 1);
    first.sidecar.child.kill("SIGTERM");
    await first.sidecar.ended;
    const second = startStep(pod, { goal: 2, step: "0.1" });
    assert.equal((await second.launcher.ended).code, 0);
    assert.equal(starts(pod)[1], "start 0");
    second.sidecar.child.kill("SIGTERM");
    assert.match(
      (await second.sidecar.ended).stderr,
      /does not resume from \S+count:1-checkpoint: its run has already/,
    );
  });

  it("do not resume a run whose later checkpoint led to a success", async (context) => {
    const pod = await testPod(context);
    const first = startStep(pod, { goal: 1000 });
    await waitForPath(join(pod.share, PUSHED));
    await killPod(pod, first);
    await pushAnnotated(pod, "count:1", { "exit-code": "0", "resumed-from": "99", attempt: "another" });
    const second = startStep(pod, { goal: 2, step: "0.1" });
    assert.equal((await second.launcher.ended).code, 0);
    assert.equal(starts(pod)[1], "start 0");
  });

  it("do not replace a newer checkpoint of another pod", async (context) => {
    const pod = await testPod(context);
    const run = startStep(pod, { goal: 1000 });
    await waitForPath(join(pod.share, PUSHED));
    const newer = { checkpoint: "99", "checkpoint-patterns": "[]", attempt: "another" };
    await pushAnnotated(pod, "count:1-checkpoint", newer);
    const { number } = read(pod, PUSHED);
    await until(() => read(pod, PUSHED).number > number + 1);
    assert.match(read(pod, PUSHED).error, /already has the checkpoint 99 \(another pod pushed it\)/);
    assert.equal((await manifestOf(pod, "1-checkpoint")).annotations[`${ANNOTATION}.checkpoint`], "99");
    await killPod(pod, run);
  });

  it("are pushed again if the sidecar died before it wrote its marker", async (context) => {
    const pod = await testPod(context);
    const { sidecar, launcher } = startStep(pod, { goal: 1, step: "100" });
    await waitForPath(join(pod.share, PUSHED));
    sidecar.child.kill("SIGKILL");
    await sidecar.ended;
    rmSync(join(pod.share, PUSHED));
    pod.start("oras-push", ["sidecar", "--native", "--resume", "NA", pod.reference("count:1")]);
    await waitForPath(join(pod.share, PUSHED));
    assert.deepEqual([read(pod, PUSHED).number, read(pod, PUSHED).error], [read(pod, CHECKPOINT).number, null]);
    await killContainer(pod, launcher);
  });

  it("do not resume a run with another cache key", async (context) => {
    const pod = await testPod(context);
    const first = startStep(pod, { goal: 1000, sidecar: ["--native", "--resume", "--cache-key", "a"] });
    await waitForPath(join(pod.share, PUSHED));
    await killPod(pod, first);
    const second = startStep(pod, { goal: 2, step: "0.1", sidecar: ["--native", "--resume", "--cache-key", "b"] });
    assert.equal((await second.launcher.ended).code, 0);
    assert.equal(starts(pod)[1], "start 0");
  });

  it("let a restarted launcher continue in the same pod from the newest checkpoint", async (context) => {
    const pod = await testPod(context);
    const { launcher } = startStep(pod, { goal: 1000 });
    await until(() => existsSync(join(pod.share, CHECKPOINT)) && read(pod, CHECKPOINT).number >= 2);
    await killContainer(pod, launcher);
    const { number } = read(pod, CHECKPOINT);
    // The container's own files are lost.
    rmSync(join(pod.folder, "state"), { recursive: true });
    const { code, stderr } = await startLauncher(pod, 4, "0.1").ended;
    assert.equal(code, 0, stderr);
    assert.match(starts(pod)[1] ?? "", new RegExp(`^start [1-9]\\d* true ${number}$`));
  });

  it("are taken at SIGTERM, and pushed after the outputs", async (context) => {
    const pod = await testPod(context);
    writeFileSync(
      join(pod.folder, "trap.sh"),
      "mkdir -p state\ntrap 'echo last > state/n; exit 3' TERM\ntouch ready\nwhile :; do sleep 0.05; done\n",
    );
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("count:1")]);
    const options = ["--checkpoint", "state/*", "--output", "share/none", "--allow-missing-output", "--logs"];
    const launcher = pod.start("launcher", [...options, "--", "sh", "-c", "echo a; . ./trap.sh"]);
    await waitForPath(join(pod.folder, "ready"));
    launcher.child.kill("SIGTERM");
    assert.equal((await launcher.ended).code, 3);
    const { code, stderr } = await sidecar.ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^Pushed checkpoint 1 as \S+\/count:1-checkpoint$/m);
    const manifests = pod.registry.requests.filter(
      ({ method, url }) => method === "PUT" && url.includes("/manifests/"),
    );
    assert.deepEqual(
      manifests.map(({ url }) => url.split("/").at(-1)),
      ["1-failed", "1-checkpoint"],
    );
  });

  it("are taken on request", async (context) => {
    const pod = await testPod(context);
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("count:1")]);
    assert.ok(sidecar);
    mkdirSync(join(pod.folder, "state"));
    const launcher = pod.start("launcher", [
      "--checkpoint",
      "state/*",
      "--",
      "sh",
      "-c",
      "echo $$ > pid.new; mv pid.new pid; echo x > state/n; sleep 100",
    ]);
    await waitForPath(join(pod.folder, "state", "n"));
    assert.equal((await pod.start("launcher", ["--checkpoint-now"]).ended).code, 0);
    await waitForPath(join(pod.share, PUSHED));
    assert.equal(existsSync(join(pod.share, "oras-operator-checkpoint-now.txt")), false);
    await killContainer(pod, launcher);
  });

  it("send only the files that changed", async (context) => {
    const pod = await testPod(context);
    pod.start("oras-push", ["sidecar", "NA", pod.reference("count:1")]);
    mkdirSync(join(pod.folder, "state", "deep"), { recursive: true });
    for (let file = 0; file < 20; file++)
      writeFileSync(join(pod.folder, "state", "deep", `f${file}`), `${file}`.repeat(99));
    const options = ["--checkpoint", "state", "--checkpoint-every", "0.2"];
    const launcher = pod.start("launcher", [
      ...options,
      "--",
      "sh",
      "-c",
      "echo $$ > pid.new; mv pid.new pid; sleep 100",
    ]);
    await until(() => existsSync(join(pod.share, PUSHED)) && read(pod, PUSHED).number === 1);
    const uploads = () =>
      pod.registry.requests.filter(({ method, url }) => method === "POST" && url.includes("/uploads")).length;
    const before = uploads();
    writeFileSync(join(pod.folder, "state", "deep", "f7"), "changed");
    await until(() => read(pod, PUSHED).number === 2);
    assert.equal(uploads() - before, 1);
    assert.deepEqual(readdirSync(join(pod.share, "checkpoints")), ["2"]);
    await killContainer(pod, launcher);
  });

  it("fail without an effect on the run", async (context) => {
    const pod = await testPod(context);
    pod.registry.intercept(({ method, url }, response) => {
      if (method !== "PUT" || !/-checkpoint$/.test(url ?? "")) return false;
      response.writeHead(400).end();
      return true;
    });
    const { launcher, sidecar } = startStep(pod, { goal: 4 });
    assert.equal((await launcher.ended).code, 0);
    sidecar.child.kill("SIGTERM");
    const { code, stderr } = await sidecar.ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /oras-push: cannot push checkpoint 1: /);
  });

  for (const mode of ["required", "best-effort"])
    it(`with another pattern ${mode === "required" ? "are refused" : "are ignored"} if the mode is ${mode}`, async (context) => {
      const pod = await testPod(context);
      const first = startStep(pod, { goal: 1000 });
      await waitForPath(join(pod.share, PUSHED));
      await killPod(pod, first);
      rmSync(pod.share, { recursive: true });
      pod.start("oras-push", ["sidecar", `--resume=${mode}`, "NA", pod.reference("count:1")]);
      const { code, stderr } = await pod.start("launcher", ["--checkpoint", "other/*", "--", "true"]).ended;
      assert.equal(code, mode === "required" ? 66 : 0, stderr);
      assert.match(stderr, /cannot restore checkpoint \d+/);
    });
});
