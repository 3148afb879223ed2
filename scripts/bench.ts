/**
 * Measures the tools beside their peers, and prints a table.
 *
 *   pnpm bench [--quick] [--only CASE,...] [--json FILE]
 *   pnpm bench --report [--json FILE]     writes docs/performance.md from a run that was stored
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { debianProgram, distributionRegistry, orasClient, type Part } from "../support/parts.ts";
import { CACHE, ROOT } from "../support/paths.ts";
import { startDistribution } from "../support/registry/process-registry.ts";
import { Bench, type BenchRegistry, FULL, type Peers, QUICK } from "./bench/bench.ts";
import { startIdle } from "./bench/cases/idle.ts";
import { CASES, IDLE } from "./bench/cases.ts";
import { describeMachine } from "./bench/machine.ts";
import { writeReport } from "./bench/report.ts";
import type { BenchRun } from "./bench/result.ts";
import { aligned, costs, figures } from "./bench/table.ts";
import { Trees } from "./bench/trees.ts";

/** So much of the memory's file system is wanted for the registry's data, in bytes; else they go where temporary files go. */
const REGISTRY_SPACE = 6 * 2 ** 30;

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
    console.error(`bench: no case ${unknown.join(", ")}: there are ${[IDLE, ...Object.keys(CASES)].join(", ")}`);
    process.exit(64);
  }
  const run = await runBench(chosen, values.quick);
  const file = values.json ?? join(CACHE, "bench", `${run.date.replaceAll(":", "")}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(run, undefined, 1)}\n`);
  console.log(`${aligned(figures(run))}\n\n${aligned(costs(run))}\n`);
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
    for (const [name, measureCase] of Object.entries(CASES)) if (chosen.includes(name)) await measureCase(bench);
    await finishIdle();
    const seconds = (Date.now() - started.getTime()) / 1000;
    const { rows, works, growth } = bench;
    const machine = describeMachine(versionQuestions(peers));
    const missing = [...bench.missing];
    return { schema: 1, date: started.toISOString(), quick, seconds, machine, rows, works, growth, missing };
  } finally {
    await registry.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function findPeers(): Peers {
  const path = (part: Part) => ("path" in part ? part.path : undefined);
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

function versionQuestions({ oras, pigz, gzip, curl, openssl, zstd }: Peers) {
  const questions: Record<string, readonly [string, ...string[]]> = { node: [process.execPath, "--version"] };
  if (oras !== undefined) questions.oras = [oras, "version"];
  if (openssl !== undefined) questions.openssl = [openssl, "version"];
  for (const [name, program] of Object.entries({ gzip, pigz, curl, zstd }))
    if (program !== undefined) questions[name] = [program, "--version"];
  return questions;
}

/** The registry keeps its data in memory where that is large enough: a disk is not what is measured. */
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
