import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchRun, Sample } from "../../scripts/bench/result.ts";
import { ROOT } from "../../support/paths.ts";

/** Reads the stored run of the performance page. */
export function readStoredRun(): BenchRun {
  return JSON.parse(readFileSync(join(ROOT, "docs", "performance.json"), "utf8")) as BenchRun;
}

/** Makes a run with the given parts. */
export function runWith(parts: Partial<BenchRun>): BenchRun {
  return {
    schema: 1,
    date: "2026-01-02T03:04:05.678Z",
    quick: false,
    seconds: 60,
    machine: { processor: "a processor", cores: 2, memory: 4, system: "Linux", versions: { oras: "1.3.0" } },
    rows: [],
    works: [],
    growth: [],
    missing: [],
    ...parts,
  };
}

/** Makes a sample with the given time in seconds and the given memory in MiB. */
export function sample(seconds: number, memory = 10): Sample {
  return { seconds, memory, cpu: seconds, written: 0 };
}
