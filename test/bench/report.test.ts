import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { drawPlots, formatPage } from "../../scripts/bench/report.ts";
import { ROOT } from "../../support/paths.ts";
import { readStoredRun, runWith, sample } from "./runs.ts";

describe("the report", () => {
  it("matches the stored page and plots", () => {
    const run = readStoredRun();
    const plots = drawPlots(run);
    const hint = "run: pnpm bench --report";
    assert.equal(readFileSync(join(ROOT, "docs", "performance.md"), "utf8"), formatPage(run, plots), hint);
    const folder = join(ROOT, "docs", "performance");
    assert.deepEqual(readdirSync(folder).sort(), plots.map(({ file }) => file).sort(), hint);
    for (const { file, content } of plots) assert.equal(readFileSync(join(folder, file), "utf8"), content, hint);
  });

  it("has conclusions and weak spots before the plots", () => {
    const page = formatPage(runWith({ missing: ["pigz: this machine lacks the program"] }), [
      { file: "a.svg", title: "A" },
    ]);
    const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings.slice(0, 3), ["Conclusions", "Weak spots", "Plots"]);
    assert.ok(page.includes("![A](performance/a.svg)"));
    assert.ok(page.includes("- Not measured: pigz: this machine lacks the program.\n"));
  });

  it("draws no plot without measurements", () => {
    const empty = { name: "files", title: "Files", x: "files", y: "seconds", curves: [], works: [] };
    assert.deepEqual(drawPlots(runWith({ growth: [empty] })), []);
  });

  it("draws the works of a growth plot only there", () => {
    const works = ["push a file", "push 1 MiB"].map((name) => ({ name, samples: { "oras-push": [sample(1)] } }));
    const curves = [{ name: "oras-push", points: [[1, 1] as const] }];
    const growth = [{ name: "size", title: "Sizes", x: "MiB", y: "seconds", curves, works: ["push 1 MiB"] }];
    const [bars, lines, ...others] = drawPlots(runWith({ works, growth }));
    assert.equal(bars?.file, "push.svg");
    assert.ok(bars?.content.includes("push a file") && !bars.content.includes("push 1 MiB"));
    assert.equal(lines?.file, "growth-size.svg");
    assert.deepEqual(others, []);
  });
});
