/** Random kills of pods that take checkpoints. `CHECKPOINT_KILLS=300` makes this test longer. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type TestPod, testPod } from "../support/pod.ts";

const KILLS = Number(process.env.CHECKPOINT_KILLS ?? 8);

/**
 * Writes the same number to the start, the middle and the end of a large file, in place and in two halves, and to a
 * second file. Exits with 9 if the restored files differ, or if a file is torn.
 */
const APPLICATION = `
const { existsSync, mkdirSync, openSync, readFileSync, writeSync, closeSync, writeFileSync } = require("node:fs");
const SIZE = 200000;
mkdirSync("state", { recursive: true });
let n = 0;
if (existsSync("state/large")) {
  const lines = readFileSync("state/large", "utf8").trim().split("\\n");
  const other = existsSync("state/small") ? readFileSync("state/small", "utf8") : "none";
  if (new Set(lines).size !== 1 || lines.length !== 20000 || lines[0] !== other.padStart(9, "0")) process.exit(9);
  n = Number(other);
}
if (String(n) !== (process.env.ORAS_RESUMED ? String(n) : "0")) process.exit(9);
writeFileSync("resumed", n + " " + (process.env.ORAS_CHECKPOINT ?? 0));
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
for (;;) {
  n++;
  const half = (String(n).padStart(9, "0") + "\\n").repeat(SIZE / 20);
  const file = openSync("state/large", existsSync("state/large") ? "r+" : "w");
  writeSync(file, half, 0);
  pause(30);
  writeSync(file, half, SIZE / 2);
  closeSync(file);
  writeFileSync("state/small", String(n));
  writeFileSync("steps", String(n));
  pause(450);
}
`;

/** Runs the step in a new pod, and kills a random part of the pod at a random moment. Returns the first number. */
async function runAndKill(pod: TestPod): Promise<{ readonly first: number; readonly checkpoint: number }> {
  for (const name of ["share", "state", "resumed"]) rmSync(join(pod.folder, name), { recursive: true, force: true });
  mkdirSync(pod.share);
  const sidecar = pod.start("oras-push", ["sidecar", "--native", "--resume", "NA", pod.reference("count:1")]);
  const options = ["--checkpoint", "state", "--checkpoint-every", "0.2"];
  const launcher = pod.start("launcher", [
    ...options,
    "--",
    "sh",
    "-c",
    `echo $$ > pid; exec ${process.execPath} application.cjs`,
  ]);
  while (!existsSync(join(pod.folder, "resumed"))) {
    assert.equal(launcher.child.exitCode, null, "the application found torn or mixed files");
    await sleep(10);
  }
  await sleep(300 + Math.random() * 2500);
  const order = Math.random();
  if (order < 0.3) sidecar.child.kill("SIGKILL");
  process.kill(Number(readFileSync(join(pod.folder, "pid"), "utf8")), "SIGKILL");
  if (order < 0.6) launcher.child.kill("SIGKILL");
  else await sleep(Math.random() * 300);
  for (const { child } of [launcher, sidecar]) child.kill("SIGKILL");
  await Promise.all([launcher.ended, sidecar.ended]);
  const [first = 0, checkpoint = 0] = readFileSync(join(pod.folder, "resumed"), "utf8").split(" ").map(Number);
  return { first, checkpoint };
}

/** The number of the checkpoint in the registry; 0 if there is none. */
async function pushedNumber(pod: TestPod): Promise<number> {
  const response = await fetch(`http://${pod.registry.address}/v2/metric/count/manifests/1-checkpoint`);
  if (response.status === 404) return 0;
  const { annotations } = (await response.json()) as { annotations: Record<string, string> };
  return Number(annotations["dev.oras-pod-tools.run.checkpoint"]);
}

it(`resumes from the newest whole checkpoint after each of ${KILLS} kills`, {
  timeout: KILLS * 20_000,
}, async (context) => {
  const pod = await testPod(context);
  writeFileSync(join(pod.folder, "application.cjs"), APPLICATION);
  let computed = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const pushed = await pushedNumber(pod);
    const { first, checkpoint } = await runAndKill(pod);
    assert.equal(checkpoint, pushed, "not the newest checkpoint");
    computed += Number(readFileSync(join(pod.folder, "steps"), "utf8")) - first;
  }
  assert.ok((await pushedNumber(pod)) > 0, "no kill left a checkpoint");
  const last = Number(readFileSync(join(pod.folder, "steps"), "utf8"));
  context.diagnostic(`${computed} steps computed, ${computed - last} of them twice, in ${KILLS} kills`);
});
