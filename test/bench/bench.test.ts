import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { CASES } from "../../scripts/bench/cases.ts";
import { writeReport } from "../../scripts/bench/report.ts";
import type { BenchRun } from "../../scripts/bench/result.ts";
import { findProgram } from "../../support/debian.ts";
import { ROOT } from "../../support/paths.ts";
import { run } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";

const SKIP = findProgram("docker-registry") === undefined && "docker-registry is not installed";

const bench = (...args: readonly string[]) =>
  run(process.execPath, [join(ROOT, "scripts", "bench.ts"), ...args], { cwd: ROOT });

describe("the bench", { timeout: 600_000 }, () => {
  it("runs all cases at the small scale, prints a table, and makes a page with plots", {
    skip: SKIP,
    timeout: 600_000,
  }, async (t) => {
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
    assert.deepEqual(stored.growth.map(({ name }) => name).sort(), ["cores", "files", "pushes", "size"]);
    checkPeers(stored);

    writeReport(stored, join(folder, "page.md"));
    const page = readFileSync(join(folder, "page.md"), "utf8");
    const plots = readdirSync(join(folder, "performance"));
    assert.ok(plots.length >= 6, plots.join());
    for (const plot of plots) {
      assert.ok(page.includes(`(performance/${plot})`), plot);
      assert.match(readFileSync(join(folder, "performance", plot), "utf8"), /^<svg .*<\/svg>\n$/s);
    }
  });

  it("rejects an unknown case and lists the known cases", async () => {
    const { code, stderr } = await bench("--only", "start,nothing");
    assert.equal(code, 64);
    assert.match(stderr, /unknown case nothing: expected /);
    for (const name of Object.keys(CASES)) assert.ok(stderr.includes(name), name);
  });
});

/** Checks that each growth plot has a curve of each compared program, unless this machine lacks the program. */
function checkPeers({ growth, missing }: BenchRun): void {
  for (const peer of ["oras push", "tar | pigz -6", "tar | gzip -6"]) {
    if (missing.some((reason) => reason.startsWith(`${peer}: `))) continue;
    for (const { name, curves } of growth)
      assert.ok(
        curves.some((curve) => curve.name === peer && curve.points.length > 0),
        `growth with ${name}: no curve of ${peer}`,
      );
  }
}
