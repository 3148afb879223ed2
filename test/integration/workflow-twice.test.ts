/**
 * The test kills a workflow of 20 steps at random moments, and starts it again. `WORKFLOW_KILLS=10` sets the number of
 * kills.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningProcess } from "../../support/tools.ts";
import { killProcess, type TestPod, testPod } from "../support/pod.ts";

const KILLS = Number(process.env.WORKFLOW_KILLS ?? 1);
const STEPS = 20;
/**
 * The number of rows that the steps form. In a row, each step needs the output of the step before it. The rows run at
 * the same time.
 */
const ROWS = 5;

/** A started step: the processes of its sidecar and of its launcher, and the folder of both. */
interface Step {
  readonly sidecar: RunningProcess;
  readonly launcher: RunningProcess;
  readonly folder: string;
}

/** Returns the number that a step must output: its own index plus the indexes of all earlier steps in its row. */
function expectedNumber(index: number): number {
  return index + (index >= ROWS ? expectedNumber(index - ROWS) : 0);
}

/** Starts a step in a new pod. The command of the step appends a line to the file `runs/INDEX`. */
function startStep(pod: TestPod, index: number): Step {
  const folder = join(pod.folder, `pod-${index}`);
  rmSync(folder, { recursive: true, force: true });
  const share = join(folder, "share");
  mkdirSync(share, { recursive: true });
  const env = { ORAS_SHARE: share };
  const inputs = index >= ROWS;
  const from = inputs ? pod.reference(`workflow:step-${index - ROWS}`) : "NA";
  const sidecar = pod.start(
    "oras-push",
    [
      "sidecar",
      "--native",
      "--skip-done",
      "--cache-key",
      "v1",
      "--input-timeout",
      "300",
      from,
      pod.reference(`workflow:step-${index}`),
    ],
    env,
  );
  const command = [
    `echo $$ > ${folder}/pid.new; mv ${folder}/pid.new ${folder}/pid`,
    `echo run >> ${pod.folder}/runs/${index}`,
    `before=$(cat ${folder}/in/number 2> /dev/null || echo 0)`,
    "sleep 0.3",
    `echo $((before + ${index})) > ${share}/number`,
  ].join("; ");
  const input = inputs ? ["--input", join(folder, "in")] : [];
  const options = ["--wait-push", "--skip-done", ...input, "--output", join(share, "number")];
  return { sidecar, launcher: pod.start("launcher", [...options, "--", "sh", "-c", command], env), folder };
}

function kill({ sidecar, launcher, folder }: Step): Promise<unknown> {
  // The file `pid` contains the application's process ID. After the application has ended, another process may have
  // this ID.
  const runs = launcher.child.exitCode === null && existsSync(join(folder, "pid"));
  for (const { child } of [launcher, sidecar]) child.kill("SIGKILL");
  if (runs) killProcess(Number(readFileSync(join(folder, "pid"), "utf8")));
  return Promise.all([launcher.ended, sidecar.ended]);
}

const apply = (pod: TestPod) => Array.from({ length: STEPS }, (_, index) => startStep(pod, index));

const hasOutput = (pod: TestPod, index: number) => pod.registry.manifests.has(`metric/workflow:step-${index}`);

function runsOf(pod: TestPod, index: number): number {
  const file = join(pod.folder, "runs", String(index));
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").length : 0;
}

it(`skips the steps whose outputs were pushed before one of ${KILLS} kills`, { timeout: 600_000 }, async (context) => {
  const pod = await testPod(context);
  mkdirSync(join(pod.folder, "runs"));
  const indexes = Array.from({ length: STEPS }, (_, index) => index);
  /**
   * The number of runs of each step, counted when the test first finds the step's output in the registry. After that,
   * the step must not run again.
   */
  const runsWhenPushed = new Map<number, number>();
  const found: number[] = [];
  for (let round = 0; round < KILLS; round++) {
    const steps = apply(pod);
    // Waits until the registry contains a random number of outputs (`wanted`), and then kills the workflow.
    const goal = found.length === 0 ? 1 : Math.min(STEPS - 1, (found.at(-1) ?? 0) + 1);
    const wanted = goal + Math.floor(Math.random() * Math.max(1, Math.ceil((STEPS - goal) / KILLS)));
    while (indexes.filter((index) => hasOutput(pod, index)).length < wanted) await sleep(5);
    await Promise.all(steps.map(kill));
    await sleep(100);
    const pushed = indexes.filter((index) => hasOutput(pod, index));
    for (const index of pushed) if (!runsWhenPushed.has(index)) runsWhenPushed.set(index, runsOf(pod, index));
    found.push(pushed.length);
  }
  const steps = apply(pod);
  for (const { launcher } of steps) assert.equal((await launcher.ended).code, 0);
  for (const { sidecar } of steps) sidecar.child.kill("SIGTERM");
  for (const { sidecar } of steps) assert.equal((await sidecar.ended).code, 0);
  assert.ok(
    found.every((count) => count > 0),
    "a kill came before the first push",
  );
  for (const [index, runs] of runsWhenPushed) assert.equal(runsOf(pod, index), runs, `step ${index} ran again`);
  for (const index of indexes) assert.equal(await resultOf(pod, index), expectedNumber(index));
  const all = indexes.reduce((sum, index) => sum + runsOf(pod, index), 0);
  context.diagnostic(`outputs at each kill: ${found.join(" ")}; ${all} runs of ${STEPS} steps`);
});

/** The number in the output of a step. */
async function resultOf(pod: TestPod, index: number): Promise<number> {
  const manifest = pod.registry.manifests.get(`metric/workflow:step-${index}`);
  const [layer] = JSON.parse(String(manifest?.bytes)).layers;
  return Number(String(pod.registry.blobs.get(layer.digest)));
}
