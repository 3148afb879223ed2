import { shown } from "./bench.ts";
import type { BenchRun, Row, Sample } from "./result.ts";
import { spreadOf } from "./statistics.ts";

/** Lines of cells. */
export type Table = readonly (readonly string[])[];

/** Whether a figure's goal is reached; undefined for one without. */
export function reached({ values, goal, atLeast }: Row): boolean | undefined {
  if (goal === undefined) return undefined;
  const { median } = spreadOf(values);
  return atLeast === true ? median >= goal : median <= goal;
}

/** The figures, with their spread and goals. */
export function figures(run: BenchRun): Table {
  const header = ["work", "median", "lowest to highest", "figure", "goal", "reached"];
  const lines = run.rows.map((row) => {
    const { median, low, high } = spreadOf(row.values);
    const answer = reached(row);
    const goal = row.goal === undefined ? "" : `${row.atLeast === true ? ">=" : "<="} ${row.goal}`;
    return [
      row.work,
      shown(median),
      row.values.length === 1 ? "once" : `${shown(low)} to ${shown(high)}`,
      row.figure,
      goal,
      answer === undefined ? "" : answer ? "yes" : "no",
    ];
  });
  return [header, ...lines];
}

/** What each contestant took for each work: medians. */
export function costs(run: BenchRun): Table {
  const header = ["work", "who", "seconds", "CPU seconds", "memory, MiB", "written to disk, MB"];
  const lines = run.works.flatMap(({ name, samples }) =>
    Object.entries(samples).map(([who, taken]) => [
      name,
      who,
      ...(["seconds", "cpu", "memory", "written"] as const).map((field) => medianOf(taken, field)),
    ]),
  );
  return [header, ...lines];
}

function medianOf(samples: readonly Sample[], field: keyof Sample): string {
  const { median } = spreadOf(samples.map((sample) => sample[field]));
  return median === 0 ? "0" : shown(median);
}

/** A table as text with columns of the same width. */
export function aligned(table: Table): string {
  const widths = table.reduce<number[]>(
    (all, line) => line.map((cell, index) => Math.max(all[index] ?? 0, cell.length)),
    [],
  );
  return table
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A table as Markdown. */
export function markdown([header = [], ...lines]: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), `|${header.map(() => "---").join("|")}|`, ...lines.map(line)].join("\n");
}
