/**
 * Compares our tools with other programs and prints tables.
 *
 *   pnpm bench [--quick] [--only CASE,...] [--json FILE]
 *   pnpm bench --report [--json FILE]     writes docs/performance.md from a stored run
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { debianProgram, distributionRegistry, orasClient } from "../support/dependencies.ts";
import type { Dependency } from "../support/dependency.ts";
import { CACHE, ROOT } from "../support/paths.ts";
import { startDistribution } from "../support/registry/process-registry.ts";
import { Bench, type BenchRegistry, FULL, type Peers, QUICK } from "./bench/bench.ts";
import { startIdle } from "./bench/cases/idle.ts";
import { CASES, IDLE } from "./bench/cases.ts";
import { describeMachine } from "./bench/machine.ts";
import { writeReport } from "./bench/report.ts";
import type { BenchRun } from "./bench/result.ts";
import { costTable, figureTable, formatText } from "./bench/table.ts";
import { Trees } from "./bench/trees.ts";

/**
 * The free space in memory that the registry needs, in bytes. If there is less space, the registry keeps its data in
 * the temporary folder.
 */
const REGISTRY_SPACE = 6 * 2 ** 30;

/** The goal for the duration of a run of all cases, in minutes. */
const MINUTES = 30;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    json: { type: "string" },
    report: { type: "boolean", default: false },
  },
});

if (values.report) {
  const stored = values.json ?? join(ROOT, "docs", "performance.json");
  writeReport(JSON.parse(readFileSync(stored, "utf8")) as BenchRun, join(ROOT, "docs", "performance.md"));
} else {
  const chosen = values.only?.split(",") ?? [IDLE, ...Object.keys(CASES)];
  const unknown = chosen.filter((name) => name !== IDLE && !Object.hasOwn(CASES, name));
  if (unknown.length > 0) {
    console.error(`bench: unknown case ${unknown.join(", ")}: expected ${[IDLE, ...Object.keys(CASES)].join(", ")}`);
    process.exit(64);
  }
  const run = await runBench(chosen, values.quick);
  const file = values.json ?? join(CACHE, "bench", `${run.date.replaceAll(":", "")}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(run, undefined, 1)}\n`);
  console.log(`${formatText(figureTable(run))}\n\n${formatText(costTable(run))}\n`);
  for (const reason of run.missing) console.log(`not measured: ${reason}`);
  console.log(`written to ${file}`);
}

async function runBench(chosen: readonly string[], quick: boolean): Promise<BenchRun> {
  const peers = findPeers();
  const folder = mkdtempSync(join(tmpdir(), "oras-pod-tools-bench-"));
  const started = new Date();
  const registry = await startRegistry(folder, quick);
  try {
    const trees = new Trees(quick ? join(folder, "trees") : join(CACHE, "bench", "trees"));
    const bench = new Bench(quick ? QUICK : FULL, trees, peers, registry, folder);
    const finishIdle = chosen.includes(IDLE) ? await startIdle(bench) : async () => {};
    for (const [name, measureCase] of Object.entries(CASES)) {
      if (!chosen.includes(name)) continue;
      try {
        await measureCase(bench);
      } catch (error) {
        // If one case fails, the bench keeps the results of all other cases, because a new run would take a long time.
        console.error(error);
        bench.missing.add(`${name}: ${(error as Error).message.split("\n")[0]}`);
      }
    }
    await finishIdle();
    const seconds = (Date.now() - started.getTime()) / 1000;
    if (chosen.length > Object.keys(CASES).length)
      bench.addRow({ work: "the whole bench", figure: "minutes", values: [seconds / 60], goal: MINUTES });
    const { rows, works, growth } = bench;
    const machine = describeMachine(versionCommands(peers));
    const missing = [...bench.missing];
    return { schema: 1, date: started.toISOString(), quick, seconds, machine, rows, works, growth, missing };
  } finally {
    await registry.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function findPeers(): Peers {
  const path = (program: Dependency) => ("path" in program ? program.path : undefined);
  const debian = (program: string) => path(debianProgram(program, [program]));
  return {
    oras: path(orasClient()),
    pigz: debian("pigz"),
    gzip: debian("gzip"),
    curl: debian("curl"),
    openssl: debian("openssl"),
    zstd: debian("zstd"),
  };
}

function versionCommands({ oras, pigz, gzip, curl, openssl, zstd }: Peers) {
  const commands: Record<string, readonly [string, ...string[]]> = { node: [process.execPath, "--version"] };
  if (oras !== undefined) commands.oras = [oras, "version"];
  if (openssl !== undefined) commands.openssl = [openssl, "version"];
  for (const [name, program] of Object.entries({ gzip, pigz, curl, zstd }))
    if (program !== undefined) commands[name] = [program, "--version"];
  return commands;
}

/**
 * Starts a registry with its data in memory, so that the disk does not affect the times. In a quick run, or if there is
 * not enough free memory, the data is in the temporary folder instead.
 */
async function startRegistry(folder: string, quick: boolean): Promise<BenchRegistry & { close(): Promise<void> }> {
  const part = distributionRegistry();
  if ("missing" in part) throw new Error(part.missing);
  const data =
    quick || !hasSpace("/dev/shm") ? join(folder, "registry") : mkdtempSync("/dev/shm/oras-pod-tools-bench-");
  const registry = await startDistribution(part.path, data);
  return {
    address: registry.address,
    empty: () => rmSync(join(data, "data"), { recursive: true, force: true }),
    close: async () => {
      await registry.close();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

function hasSpace(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= REGISTRY_SPACE;
  } catch {
    return false;
  }
}
