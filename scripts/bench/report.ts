import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeStrongPoints, describeSummary, describeWeakSpots } from "./conclusions.ts";
import { costPlots } from "./cost-plots.ts";
import { TAG } from "./names.ts";
import { type Bar, barChart, lineChart } from "./plot.ts";
import type { BenchRun, Work } from "./result.ts";
import { spreadOf } from "./statistics.ts";
import { costTable, figureTable, formatMarkdown } from "./table.ts";

/** The folder of the plots, beside the page. */
const PLOTS = "performance";

interface Plot {
  readonly file: string;
  readonly title: string;
  readonly content: string;
}

/** Writes the page of a run. Writes the plots into the folder `performance` beside the page. */
export function writeReport(run: BenchRun, page: string): void {
  const folder = join(dirname(page), PLOTS);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const plots = drawPlots(run);
  for (const { file, content } of plots) writeFileSync(join(folder, file), content);
  writeFileSync(page, formatPage(run, plots));
}

/** Formats the page as Markdown. */
export function formatPage(run: BenchRun, plots: readonly Pick<Plot, "file" | "title">[]): string {
  const { machine } = run;
  const versions = Object.entries(machine.versions).map(([program, version]) => `${program} ${version}`);
  const images = plots.map(({ file, title }) => `![${title}](${PLOTS}/${file})`);
  return `# Performance

This page shows one run of the bench, on ${run.date.slice(0, 10)}. \`pnpm bench --report\` writes it from
[the stored results](performance.json).

## Summary

${describeSummary(run)}

## Weak spots

${describeWeakSpots(run)}

## Strong points

${describeStrongPoints(run)}

## Plots

A tool has the same color in each plot. In a bar chart, each group of bars has its own scale. In a line chart, the x axis is
logarithmic. CPU time and memory are the sums over all processes of a tool.

${images.join("\n\n")}

## Figures and goals

If the unit is "x the time of" another tool, a value below 1 means that our tool is faster.

${formatMarkdown(figureTable(run))}

## Time and memory

All values are medians.

${formatMarkdown(costTable(run))}

## Method

- Machine: ${machine.processor}, ${machine.cores} processors, ${machine.memory} GiB of memory, ${machine.system}.
- Other tools: ${versions.join(", ")}.
- The registry is distribution 2.8 on the loopback interface. It keeps its data in memory.
- The run took ${Math.round(run.seconds / 60)} minutes. To repeat it on any machine, run \`npx -y pnpm@12.21.0 bench\`.
- \`tar | pigz\` and \`tar | gzip\` only compress. \`openssl\` only hashes, and \`curl\` only sends.
- The tools take turns. So a disturbance affects all tools.
- A ratio compares two runs of the same round. The tables show the median of these ratios.
- All files are in the page cache.
- Memory is the peak of the anonymous memory. If a tool has several processes, it is the peak of their sum.
- "About as fast" means a difference of at most 5 percent between the medians.
- The decisions contain figures of other machines. They also explain what limits the speed, and why goals are missed:
  [pushes on 16 processors](decisions/0101-speed-on-16-processors.md),
  [the memory of a push](decisions/0102-cost-of-the-48-mib-limit.md),
  [many parallel pushes](decisions/0051-limits-of-push-and-pull.md),
  [from the done marker to the tag](decisions/0053-time-from-marker-to-tag.md), and
  [starting and waiting](decisions/0050-load-only-needed-code.md).
${run.missing.map((reason) => `- Not measured: ${reason}.\n`).join("")}`;
}

/** Draws the plots of a run. Skips a plot if the run does not contain the measurements for this plot. */
export function drawPlots(run: BenchRun): Plot[] {
  const inGrowth = new Set(run.growth.flatMap(({ works }) => works));
  // The measured times of the work `TAG` include the run of the application. Therefore, this work has no bars.
  const works = run.works.filter(({ name }) => !inGrowth.has(name) && name !== TAG);
  const verbs = ["push", "pull"];
  const startingWith = (verb: string) => works.filter(({ name }) => name.startsWith(`${verb} `));
  const others = works.filter((work) => !verbs.some((verb) => startingWith(verb).includes(work)));
  const charts = [
    { file: "push.svg", title: "Time of pushes", bars: barsOf(startingWith("push")) },
    { file: "pull.svg", title: "Time of pulls", bars: barsOf(startingWith("pull")) },
    { file: "other.svg", title: "Time of a start and of many pushes", bars: barsOf(others) },
  ].filter(({ bars }) => bars.length > 0);
  const growth = run.growth.filter(({ curves }) => curves.some(({ points }) => points.length > 0));
  return [
    ...charts.map(({ file, title, bars }) => ({ file, title, content: barChart(`${title}, medians`, bars, "s") })),
    ...growth.flatMap((plot) =>
      [plot, ...costPlots(plot, run.works)].map((one) => ({
        file: `growth-${one.name}.svg`,
        title: `${one.title}: ${one.y}`,
        content: lineChart(one),
      })),
    ),
  ];
}

function barsOf(works: readonly Work[]): Bar[] {
  return works.flatMap(({ name, samples }) =>
    Object.entries(samples).map(([who, taken]) => ({
      group: name,
      name: who,
      value: spreadOf(taken.map(({ seconds }) => seconds)).median,
    })),
  );
}
