import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { CASES } from "../../scripts/bench/cases.ts";
import { measure } from "../../scripts/bench/measured.ts";
import { writeReport } from "../../scripts/bench/report.ts";
import type { BenchRun } from "../../scripts/bench/result.ts";
import { spreadOf } from "../../scripts/bench/statistics.ts";
import { reached } from "../../scripts/bench/table.ts";
import { findProgram } from "../../support/debian.ts";
import { ROOT } from "../../support/paths.ts";
import { run } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";

const SKIP = findProgram("docker-registry") === undefined && "docker-registry is not installed";

const bench = (...args: readonly string[]) =>
  run(process.execPath, [join(ROOT, "scripts", "bench.ts"), ...args], { cwd: ROOT });

describe("the bench", () => {
  it("measures everything in a small run, prints a table, and leaves a page with plots", { skip: SKIP }, async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, "run.json");
    const { code, stdout, stderr } = await bench("--quick", "--json", file);
    assert.equal(code, 0, stderr);
    const stored = JSON.parse(readFileSync(file, "utf8")) as BenchRun;
    assert.equal(stored.quick, true);
    for (const { work, values } of stored.rows) {
      assert.ok(values.length > 0 && values.every(Number.isFinite), `${work}: ${values.join()}`);
      assert.ok(stdout.includes(work), `the table lacks ${work}`);
    }
    const measured = Object.fromEntries(stored.works.map(({ name, samples }) => [name, samples]));
    const [push] = measured["push 100 small files"]?.["oras-push"] ?? [];
    assert.ok(push !== undefined && push.seconds > 0 && push.cpu > 0 && push.memory > 1 && push.written < 0.1);
    assert.ok(stored.rows.some(({ work, figure }) => work === "sidecar waits" && figure === "MiB of memory"));
    assert.deepEqual(stored.growth.map(({ name }) => name).sort(), ["files", "pushes", "size", "threads"]);

    writeReport(stored, join(folder, "page.md"));
    const page = readFileSync(join(folder, "page.md"), "utf8");
    const plots = readdirSync(join(folder, "performance"));
    assert.ok(plots.length >= 6, plots.join());
    for (const plot of plots) {
      assert.ok(page.includes(`(performance/${plot})`), plot);
      assert.match(readFileSync(join(folder, "performance", plot), "utf8"), /^<svg .*<\/svg>\n$/s);
    }
  });

  it("a case that there is not is named, with those that there are", async () => {
    const { code, stderr } = await bench("--only", "start,nothing");
    assert.equal(code, 64);
    assert.match(stderr, /no case nothing: there are/);
    for (const name of Object.keys(CASES)) assert.ok(stderr.includes(name), name);
  });
});

describe("a measurement", () => {
  it("counts processor time, memory and what is written, of all processes that were started", async (t) => {
    const folder = temporaryFolder(t);
    const work =
      "const held = Buffer.alloc(90 << 20, 1); while (process.cpuUsage().user + process.cpuUsage().system < 3e5) held[0]++";
    const script = `"$1" -e "$2" & dd if=/dev/zero of=written bs=1M count=8 2>&1; wait`;
    const argv = ["sh", "-c", script, "sh", process.execPath, work] as const;
    const { seconds, cpu, memory, written } = await measure({ argv, cwd: folder });
    assert.ok(seconds >= 0.25 && seconds < 30, `${seconds} s`);
    assert.ok(cpu >= 0.25, `${cpu} s of CPU`);
    assert.ok(memory >= 90, `${memory} MiB`);
    // Files in memory are none on disk.
    assert.ok(written === 0 || Math.round(written) >= 8, `${written} MB`);
  });

  it("of a program that fails is its failure", async () => {
    await assert.rejects(measure({ argv: ["sh", "-c", "echo no good >&2; exit 3"] }), /ended with 3: no good/);
  });
});

describe("figures", () => {
  it("a median is the middle, or between the two in the middle", () => {
    assert.deepEqual(spreadOf([9, 1, 2]), { median: 2, low: 1, high: 9 });
    assert.deepEqual(spreadOf([4, 1, 2, 100]), { median: 3, low: 1, high: 100 });
  });

  it("a goal is reached by the median, from below or from above", () => {
    const row = { work: "", figure: "", values: [1, 2, 9], goal: 2 };
    assert.equal(reached(row), true);
    assert.equal(reached({ ...row, goal: 1.9 }), false);
    assert.equal(reached({ ...row, goal: 3, atLeast: true }), false);
    assert.equal(reached({ ...row, values: [3], goal: 3, atLeast: true }), true);
  });
});
