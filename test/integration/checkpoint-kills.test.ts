/** Random kills in pods that take checkpoints. `CHECKPOINT_KILLS=300` makes this test longer. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningProcess } from "../../support/tools.ts";
import { killProcess, type TestPod, testPod } from "../support/pod.ts";

const KILLS = Number(process.env.CHECKPOINT_KILLS ?? 8);

/**
 * This program counts. It writes each number, together with the program's process id, to a large file and to a small
 * file. It overwrites the large file in place, in two halves. It also writes a third file, whose content never changes.
 * At its start, the program checks the files of an earlier start. It exits with code 9 if the two halves of the large
 * file differ, or if the number or the process id in the small file is not the one in the large file.
 */
const APPLICATION = `
const { existsSync, mkdirSync, openSync, readFileSync, renameSync, writeSync, closeSync, writeFileSync } = require("node:fs");
const LINES = 10000;
const id = String(process.pid).padStart(8, "0");
const lineOf = (n, id) => String(n).padStart(9, "0") + " " + id;
mkdirSync("state", { recursive: true });
let n = 0;
if (existsSync("state/large") || existsSync("state/small")) {
  const lines = readFileSync("state/large", "utf8").trim().split("\\n");
  const small = readFileSync("state/small", "utf8");
  if (new Set(lines).size !== 1 || lines.length !== LINES || lines[0] !== small) process.exit(9);
  n = Number(small.split(" ")[0]);
}
if (n > 0 && process.env.ORAS_RESUMED !== "true") process.exit(9);
if (n > 0 && readFileSync("state/constant", "utf8") !== "constant") process.exit(9);
writeFileSync("state/constant", "constant", { flag: existsSync("state/constant") ? "r+" : "w" });
writeFileSync("first", n + " " + (process.env.ORAS_RESUMED_FROM ?? 0));
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
for (;;) {
  n++;
  const half = (lineOf(n, id) + "\\n").repeat(LINES / 2);
  const file = openSync("state/large", existsSync("state/large") ? "r+" : "w");
  writeSync(file, half, 0);
  pause(30);
  writeSync(file, half, half.length);
  closeSync(file);
  writeFileSync("state/small", lineOf(n, id));
  writeFileSync("last.new", String(n));
  renameSync("last.new", "last");
  pause(450);
}
`;

/**
 * The part of the pod that is killed: the whole pod with its volume, only the application, the launcher with the
 * application, or only the sidecar.
 */
type Victim = "pod" | "application" | "launcher" | "sidecar";

const VICTIMS: readonly Victim[] = ["pod", "pod", "application", "launcher", "sidecar"];

/** A pod whose parts can be killed. */
class KillablePod {
  readonly #pod: TestPod;
  #sidecar: RunningProcess;
  #launcher: RunningProcess;

  constructor(pod: TestPod) {
    this.#pod = pod;
    this.#sidecar = this.#startSidecar();
    this.#launcher = this.#startLauncher();
  }

  /**
   * Waits until the application has read its files. `first` is the number in these files, or 0 if there are no files.
   * `checkpoint` is the number of the restored checkpoint, or 0 if no checkpoint was restored.
   */
  async started(): Promise<{ readonly first: number; readonly checkpoint: number }> {
    const file = join(this.#pod.folder, "first");
    while (!existsSync(file) || readFileSync(file).length === 0) {
      assert.equal(this.#launcher.child.exitCode, null, "the application found torn or mixed files");
      await sleep(10);
    }
    const [first = 0, checkpoint = 0] = readFileSync(file, "utf8").split(" ").map(Number);
    return { first, checkpoint };
  }

  /**
   * Kills a part of the pod, and starts this part again. Returns the number of the newest checkpoint that was complete
   * before the new start.
   */
  async kill(victim: Victim): Promise<number> {
    if (victim === "sidecar" || victim === "pod") this.#sidecar.child.kill("SIGKILL");
    if (victim === "launcher" || victim === "pod") this.#launcher.child.kill("SIGKILL");
    if (victim !== "sidecar") killProcess(Number(readFileSync(join(this.#pod.folder, "pid"), "utf8")));
    if (victim === "sidecar" || victim === "pod") await this.#sidecar.ended;
    if (victim !== "sidecar") await this.#launcher.ended;
    // The registry is possibly still processing the last request of the sidecar.
    await sleep(100);
    const newest = Math.max(await this.#pushedNumber(), victim === "pod" ? 0 : this.#localNumber());
    if (victim === "pod") rmSync(this.#pod.share, { recursive: true });
    if (victim !== "sidecar")
      for (const name of ["state", "first"]) rmSync(join(this.#pod.folder, name), { recursive: true });
    if (victim === "sidecar" || victim === "pod") this.#sidecar = this.#startSidecar();
    if (victim !== "sidecar") this.#launcher = this.#startLauncher();
    return newest;
  }

  #startSidecar(): RunningProcess {
    mkdirSync(this.#pod.share, { recursive: true });
    return this.#pod.start("oras-push", ["sidecar", "--native", "--resume", "NA", this.#pod.reference("count:1")]);
  }

  #startLauncher(): RunningProcess {
    const options = ["--checkpoint", "state", "--checkpoint-every", "0.2"];
    const script = `echo $$ > pid.new; mv pid.new pid; exec ${process.execPath} application.cjs`;
    return this.#pod.start("launcher", [...options, "--", "sh", "-c", script]);
  }

  /** The number of the newest checkpoint on the volume, or 0 if the volume has no checkpoint. */
  #localNumber(): number {
    const marker = join(this.#pod.share, "oras-operator-checkpoint.txt");
    return existsSync(marker) ? JSON.parse(readFileSync(marker, "utf8")).number : 0;
  }

  /** The number of the checkpoint in the registry, or 0 if the registry has no checkpoint. */
  async #pushedNumber(): Promise<number> {
    const response = await fetch(`http://${this.#pod.registry.address}/v2/metric/count/manifests/1-checkpoint`);
    if (response.status === 404) return 0;
    const { annotations } = (await response.json()) as { annotations: Record<string, string> };
    return Number(annotations["dev.oras-pod-tools.run.checkpoint"]);
  }
}

it(`resumes from the newest whole checkpoint after each of ${KILLS} kills`, {
  timeout: KILLS * 20_000,
}, async (context) => {
  const pod = await testPod(context);
  writeFileSync(join(pod.folder, "application.cjs"), APPLICATION);
  const killable = new KillablePod(pod);
  let newest = 0;
  let repeated = 0;
  let most = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    await killable.started();
    await sleep(300 + Math.random() * 2500);
    const victim = VICTIMS[Math.floor(Math.random() * VICTIMS.length)] ?? "pod";
    newest = await killable.kill(victim);
    if (victim === "sidecar") continue;
    const last = Number(readFileSync(join(pod.folder, "last"), "utf8"));
    const { first, checkpoint } = await killable.started();
    assert.equal(checkpoint, newest, `after the kill of the ${victim}: not the newest checkpoint`);
    repeated += Math.max(0, last - first);
    most = Math.max(most, last - first);
  }
  assert.ok(newest > 0, "no kill left a checkpoint");
  context.diagnostic(`${newest} checkpoints, ${KILLS} kills: ${repeated} steps computed twice, at most ${most} a kill`);
});
