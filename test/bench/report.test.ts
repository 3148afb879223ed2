import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { costPlots } from "../../scripts/bench/cost-plots.ts";
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

  it("tells the weak spots before the strong points and the plots", () => {
    const page = formatPage(runWith({ missing: ["pigz: this machine lacks the program"] }), [
      { file: "a.svg", title: "A" },
    ]);
    const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings.slice(0, 4), ["Summary", "Weak spots", "Strong points", "Plots"]);
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
    const [bars, lines, ...costs] = drawPlots(runWith({ works, growth }));
    assert.equal(bars?.file, "push.svg");
    assert.ok(bars?.content.includes("push a file") && !bars.content.includes("push 1 MiB"));
    assert.equal(lines?.file, "growth-size.svg");
    assert.ok(costs.every(({ file }) => file.startsWith("growth-size-")));
  });

  it("draws the CPU time and the memory beside each growth plot", () => {
    const at = (seconds: number, memory: number) => ({ ...sample(seconds, memory), cpu: 3 * seconds });
    // A process that ends before the first sample has no measured memory.
    const works = [
      { name: "push 1 MiB", samples: { "oras-push": [at(1, 40)], "oras push": [at(2, 0)] } },
      { name: "push 10 MiB", samples: { "oras-push": [at(5, 41)], "oras push": [at(9, 12)] } },
    ];
    const growth = {
      name: "size",
      title: "Push text",
      x: "MiB",
      y: "seconds",
      curves: ["oras-push", "oras push"].map((name) => ({ name, points: [[1, 1] as const, [10, 5] as const] })),
      works: works.map(({ name }) => name),
    };
    const [cpu, memory, ...others] = costPlots(growth, works);
    assert.deepEqual(others, []);
    assert.equal(cpu?.y, "CPU seconds");
    assert.deepEqual(cpu?.curves, [
      {
        name: "oras-push",
        points: [
          [1, 3],
          [10, 15],
        ],
      },
      {
        name: "oras push",
        points: [
          [1, 6],
          [10, 27],
        ],
      },
    ]);
    assert.deepEqual(memory?.curves, [
      {
        name: "oras-push",
        points: [
          [1, 40],
          [10, 41],
        ],
      },
      { name: "oras push", points: [[10, 12]] },
    ]);
    const files = drawPlots(runWith({ works, growth: [growth] })).map(({ file, title }) => `${file}: ${title}`);
    assert.deepEqual(files, [
      "growth-size.svg: Push text: seconds",
      "growth-size-cpu.svg: Push text: CPU seconds",
      "growth-size-memory.svg: Push text: MiB of memory",
    ]);
  });
});
