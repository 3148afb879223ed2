/**
 * The test pushes to a registry with random answers, and pulls from it. No transfer may report a false success, write
 * wrong content, or reveal a secret.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolder } from "../support/temporary.ts";
import { randomPull, randomPush, type TransferFigures } from "./random-transfers.ts";
import { ArtifactCache, makeSources } from "./transfer-sources.ts";

/** The number of runs. Each run is a push and a pull. With `RANDOM_RESPONSES=10000`, the test takes some minutes. */
const RUNS = Number(process.env.RANDOM_RESPONSES ?? 300);
const AT_ONCE = 16;

/** Among this number of consecutive runs, one uses the executable, and the others transfer in this process. */
const EXECUTABLE_PERIOD = 100;

/**
 * How many more files may be open after the last run than before the first run. The limit is not 0, because some
 * connections close late.
 */
const OPEN_FILES = 10;

/** The longest wait for connections to close, in milliseconds. */
const CLOSING_TIME = 15_000;

const folder = temporaryFolder({ after });
const cache = new ArtifactCache(join(folder, "sources"));

before(() => {
  mkdirSync(cache.folder);
  makeSources(cache.folder);
});

it(`${RUNS} pushes and pulls with random answers end correctly or with a clear error`, {
  timeout: 7_200_000,
}, async (context) => {
  const seed = Number(process.env.RANDOM_RESPONSES_SEED ?? Date.now() % 1_000_000);
  context.diagnostic(`seed ${seed} (set RANDOM_RESPONSES_SEED to repeat it)`);
  const unhandled: unknown[] = [];
  const collect = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", collect);
  context.after(() => void process.off("unhandledRejection", collect));
  const inProcess: TransferFigures[] = [];
  const byTool: TransferFigures[] = [];
  await cache.artifact(["small-file"]);
  const openBefore = openFiles();
  const failures: string[] = [];
  const pending = Array.from({ length: RUNS }, (_, index) => index).values();
  const work = async () => {
    for (const index of pending) {
      if (failures.length > 0) return;
      const executable = (seed + index) % EXECUTABLE_PERIOD === 0;
      const transfer = { seed: seed + index, executable, cache, folder: join(folder, `run-${index}`) };
      try {
        for (const run of [randomPush, randomPull]) (executable ? byTool : inProcess).push(await run(transfer));
      } catch (error) {
        failures.push(`RANDOM_RESPONSES=1 RANDOM_RESPONSES_SEED=${seed + index} repeats it: ${error}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const line of [...describe("in process", inProcess), ...describe("executable", byTool)])
    context.diagnostic(line);
  assert.deepEqual(failures, []);
  assert.deepEqual(unhandled, [], "unhandled rejections");
  const left = await untilClosed(openBefore.length + OPEN_FILES);
  context.diagnostic(`${openBefore.length} open files before all runs, ${left.length} after them`);
  assert.ok(left.length <= openBefore.length + OPEN_FILES, `files stay open: ${left.join(", ")}`);
});

/** The targets of all open file descriptors of this process. */
function openFiles(): string[] {
  return readdirSync("/proc/self/fd").flatMap((number) => {
    try {
      return [readlinkSync(`/proc/self/fd/${number}`)];
    } catch {
      // The list contains the descriptor that `readdirSync` used to read the folder. This descriptor is closed now.
      return [];
    }
  });
}

/** Waits until at most `count` files are open, or until {@link CLOSING_TIME} has passed. Returns the open files. */
async function untilClosed(count: number): Promise<string[]> {
  const end = performance.now() + CLOSING_TIME;
  for (;;) {
    const open = openFiles();
    if (open.length <= count || performance.now() > end) return open;
    await sleep(200);
  }
}

/** Figures of all transfers, as lines. */
function describe(where: string, figures: readonly TransferFigures[]): string[] {
  if (figures.length === 0) return [];
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const sorted = figures.toSorted((a, b) => a.time - b.time);
  const share = Math.max(...figures.map(({ time, limit }) => time / limit));
  const at = (quantile: number) => `${Math.round(sorted[Math.floor(quantile * (sorted.length - 1))]?.time ?? 0)} ms`;
  const slowest = sorted.slice(-3).map(({ seed, time, end }) => `${seed} (${end}, ${Math.round(time)} ms)`);
  const ends = Object.entries(Object.groupBy(figures, ({ end }) => end)).sort();
  return [
    `${where}: ${figures.length} transfers, ${sum(figures.map(({ requests }) => requests))} requests, ` +
      `${sum(figures.map(({ faults }) => faults))} faults, at most ${Math.max(...figures.map(({ requests }) => requests))} requests`,
    `${where}: median ${at(0.5)}, 99 % within ${at(0.99)}, longest ${at(1)}, at most ${Math.round(100 * share)} % of the limit`,
    `${where}: seeds of the longest transfers: ${slowest.join(", ")}`,
    ...ends.map(([end, group = []]) => `${String(group.length).padStart(6)} ${where}, ${end}`),
  ];
}
