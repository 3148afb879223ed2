/**
 * Random trees and outputs. Launcher and sidecar run as two users. The artifact must contain all that the launcher
 * could read, and only a complete artifact may get the tag of a success.
 */
import { chmodSync, mkdirSync, realpathSync, renameSync } from "node:fs";
import { join } from "node:path";
import { after, it, type TestContext } from "node:test";
import { inspect } from "node:util";
import { type BytePath, shownPath } from "shared/fs/byte-path";
import { run } from "../../support/tools.ts";
import { diceOf } from "../support/dice.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { checkEnd } from "./random-trees/check.ts";
import { hiddenTree, makeFiles, makeSpecialFiles, type SpecialFiles } from "./random-trees/disk.ts";
import { expectationOf } from "./random-trees/expectation.ts";
import { type Plan, type PodEnd, randomPlan, runPod } from "./random-trees/run.ts";
import { type FolderNode, joinPath } from "./random-trees/world.ts";

const { RANDOM_TREES, RANDOM_TREES_SEED } = process.env;
const RUNS = Number(RANDOM_TREES ?? 40);
/**
 * The seed of the short test, which always makes the same pods. If RANDOM_TREES sets the number of pods, each run of
 * the test makes new pods.
 */
const SHORT_SEED = 720_670_050;
const AT_ONCE = 4;
/** The test stops after this number of failed pods. */
const MAX_FAILURES = Number(process.env.RANDOM_TREES_FAILURES ?? 1);

const skip = process.getuid?.() === 0 ? false : "only root can run processes as other users";
const folder = temporaryFolder({ after });

it(`${RUNS} pods with random trees push all that their launchers can read`, {
  skip,
  timeout: 60_000 + RUNS * 5000,
}, async (context) => {
  const seed = Number(RANDOM_TREES_SEED ?? (RANDOM_TREES === undefined ? SHORT_SEED : Date.now() % 1_000_000_000));
  context.diagnostic(`seed ${seed} (set RANDOM_TREES_SEED to repeat it, and RANDOM_TREES to set the number of pods)`);
  chmodSync(folder, 0o755);
  const specials = await makeSpecialFiles(folder);
  const figures = new Map<string, number>();
  const failures: unknown[] = [];
  const pending = Array.from({ length: RUNS }, (_, index) => seed + index).values();
  const work = async () => {
    for (const own of pending) {
      if (failures.length >= MAX_FAILURES) return;
      const outcome = await tryPod(own, specials).catch((error: unknown) => {
        failures.push(error);
        context.diagnostic(String(error));
        return "failed";
      });
      figures.set(outcome, (figures.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  report(context, figures);
  if (failures.length > 0) throw failures[0];
});

function report(context: TestContext, figures: ReadonlyMap<string, number>): void {
  for (const [outcome, count] of [...figures].sort()) context.diagnostic(`${String(count).padStart(5)} ${outcome}`);
}

/** Makes, runs and checks the pod of one seed. Returns its outcome in words. */
async function tryPod(seed: number, specials: SpecialFiles): Promise<string> {
  const pod = join(realpathSync(folder), `pod-${seed}`);
  const pulled = `${pod}-pulled`;
  mkdirSync(pulled);
  const plan = randomPlan(pod, diceOf(seed));
  let end: PodEnd | undefined;
  try {
    makeFiles(plan.world, specials);
    if (plan.early) renameSync(hiddenTree(plan.world), join(pod, plan.world.tree));
    const expectation = expectationOf(plan.world, plan.outputs, plan.early);
    end = await runPod(plan, pulled);
    return checkEnd(plan, expectation, end, pulled);
  } catch (error) {
    throw new Error(`the pod with seed ${seed}: ${(error as Error).message}\n${describe(plan, end)}`, { cause: error });
  } finally {
    await run("rm", ["-rf", pod, pulled]);
  }
}

/** Describes a failed pod: the random choices, how the pod ended, and its files. */
function describe({ world, outputs, ...choices }: Plan, end: PodEnd | undefined): string {
  const { launcher, sidecar, pull } = end ?? {};
  const lines = { outputs: outputs.map(({ text }) => text), ...choices, launcher, sidecar, pull };
  return `${inspect(lines, { depth: 4, breakLength: 160 })}\n${listFiles(world.root, "").join("\n")}`;
}

/** One line for each file of the pod. */
function listFiles(folder: FolderNode, path: BytePath): string[] {
  return [...folder.children].flatMap(([name, node]) => {
    const place = joinPath(path, name);
    const shown = `${JSON.stringify(shownPath(place))} ${node.kind}`;
    if (node.kind === "link") return [`${shown} to ${JSON.stringify(shownPath(node.target))}`];
    if (node.kind !== "file" && node.kind !== "folder") return [shown];
    const line = `${shown}, mode ${node.mode.toString(8)}, owner ${node.uid}`;
    return node.kind === "file" ? [`${line}, size ${node.size}`] : [line, ...listFiles(node, place)];
  });
}
