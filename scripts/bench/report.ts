import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Bar, barChart, lineChart } from "./plot.ts";
import type { BenchRun } from "./result.ts";
import { spreadOf } from "./statistics.ts";
import { costs, figures, markdown } from "./table.ts";

/** Writes the page of a run, and its plots into the folder of the same name beside it. */
export function writeReport(run: BenchRun, page: string): void {
  const name = "performance";
  const folder = join(dirname(page), name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const plots = plotsOf(run);
  for (const { file, content } of plots) writeFileSync(join(folder, file), content);
  const images = plots.map(({ file, title }) => `![${title}](${name}/${file})`);
  writeFileSync(page, pageOf(run, images));
}

function pageOf(run: BenchRun, images: readonly string[]): string {
  const { machine } = run;
  const versions = Object.entries(machine.versions).map(([program, version]) => `${program} ${version}`);
  return `# Performance

Measured on ${run.date.slice(0, 10)}, in one run of ${Math.round(run.seconds / 60)} minutes, and written by \`pnpm bench --report\` from
[what that run stored](performance.json).

- the machine: ${machine.processor}, ${machine.cores} processors, ${machine.memory} GiB of memory, ${machine.system}
- the peers: ${versions.join(", ")}; the registry: distribution 2.8 on the loopback interface, its data in memory

To measure again, on any machine: \`npx -y pnpm@12.21.0 bench\`. Contestants take turns, so that what disturbs meets all of
them; a ratio is of two runs that followed each other, and the median of these is what counts. Below 1 is faster than the
peer. Files are in the page cache. Memory is anonymous memory, all processes of a contestant together.

## Figures and goals

${markdown(figures(run))}

## What each took

Medians.

${markdown(costs(run))}

## Plots

${images.join("\n\n")}
${run.missing.length === 0 ? "" : `\nNot measured: ${run.missing.join("; ")}.\n`}`;
}

function plotsOf(run: BenchRun): { file: string; title: string; content: string }[] {
  const bars = (verb: string): Bar[] =>
    run.works
      .filter(({ name }) => name.startsWith(verb) && !run.growth.some(({ works }) => works.includes(name)))
      .flatMap(({ name, samples }) =>
        Object.entries(samples).map(([who, taken]) => ({
          group: name,
          name: who,
          value: spreadOf(taken.map(({ seconds }) => seconds)).median,
        })),
      );
  const charts = [
    { file: "push.svg", title: "Pushes", bars: bars("push ") },
    { file: "pull.svg", title: "Pulls", bars: bars("pull ") },
  ]
    .filter((chart) => chart.bars.length > 0)
    .map(({ file, title, bars: own }) => ({ file, title, content: barChart(`${title}: seconds, medians`, own, "s") }));
  const growth = run.growth.map((figure) => ({
    file: `growth-${figure.name}.svg`,
    title: figure.title,
    content: lineChart(figure),
  }));
  return [...charts, ...growth];
}
