import { formatNumber } from "./numbers.ts";
import type { BenchRun, Row, Sample } from "./result.ts";
import { spreadOf } from "./statistics.ts";

/** Lines of cells. The first line is the header. */
export type Table = readonly (readonly string[])[];

/** Whether the median of a figure reaches the goal. Undefined if the figure has no goal. */
export function reachesGoal({ values, goal, atLeast }: Row): boolean | undefined {
  if (goal === undefined) return undefined;
  const { median } = spreadOf(values);
  return atLeast === true ? median >= goal : median <= goal;
}

/** Makes the table of figures. Each line has the median, the range and the goal of a figure. */
export function figureTable({ rows }: BenchRun): Table {
  const header = ["work", "median", "range", "unit", "goal", "reached"];
  const lines = rows.map((row) => {
    const { median, low, high } = spreadOf(row.values);
    const answer = reachesGoal(row);
    const goal = row.goal === undefined ? "" : `${row.atLeast === true ? ">=" : "<="} ${row.goal}`;
    return [
      row.work,
      formatNumber(median),
      row.values.length === 1 ? "one value" : `${formatNumber(low)} to ${formatNumber(high)}`,
      row.figure,
      goal,
      answer === undefined ? "" : answer ? "yes" : "no",
    ];
  });
  return [header, ...lines];
}

/** Makes the table of costs: the medians of each contestant in each work. */
export function costTable({ works }: BenchRun): Table {
  const header = ["work", "tool", "seconds", "CPU seconds", "memory, MiB", "written to disk, MB"];
  const lines = works.flatMap(({ name, samples }) =>
    Object.entries(samples).map(([who, taken]) => [
      name,
      who,
      ...(["seconds", "cpu", "memory", "written"] as const).map((field) => medianOf(taken, field)),
    ]),
  );
  return [header, ...lines];
}

function medianOf(samples: readonly Sample[], field: keyof Sample): string {
  return formatNumber(spreadOf(samples.map((sample) => sample[field])).median);
}

/** Formats a table as text with aligned columns. */
export function formatText(table: Table): string {
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

/** Formats a table as Markdown. */
export function formatMarkdown([header = [], ...lines]: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), `|${header.map(() => "---").join("|")}|`, ...lines.map(line)].join("\n");
}
