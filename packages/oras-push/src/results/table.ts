import { runCells } from "./cells.ts";
import type { ListedRun } from "./listing.ts";
import type { ListFormat } from "./query.ts";
import { durationOf, startOf } from "./run.ts";

/** The maximum width of a column in a table for people, in characters. A longer value is truncated. */
const MAX_WIDTH = 60;

/**
 * Formats runs as a table for people, as one JSON object per line, or as CSV (RFC 4180). `several` is true if the runs
 * may be in several repositories. If `several` is false, the table omits the column of the repository.
 */
export function formatRuns(runs: readonly ListedRun[], format: ListFormat, several: boolean): string {
  if (format === "json") return runs.map((run) => `${JSON.stringify(runObject(run))}\n`).join("");
  return format === "csv" ? csv(runs) : textTable(runs, several);
}

/**
 * Converts a run to an object for the output of `--format json`. If a value is unknown, its field is missing. Times are
 * in RFC 3339 format.
 */
export function runObject(run: ListedRun): Readonly<Record<string, unknown>> {
  const { repository, tag, started, finished, created, ...others } = run;
  return {
    reference: `${repository}:${tag}`,
    ...others,
    started: isoDate(started),
    finished: isoDate(finished),
    created: isoDate(created),
    seconds: seconds(run),
  };
}

function isoDate(time: number | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}

function seconds(run: ListedRun): number | undefined {
  const duration = durationOf(run);
  return duration === undefined ? undefined : duration / 1000;
}

/** The columns of a CSV file. */
const CSV_COLUMNS: Readonly<Record<string, (run: ListedRun) => string | number | undefined>> = {
  repository: ({ repository }) => repository,
  tag: ({ tag }) => tag,
  state: ({ state }) => state,
  "exit-code": ({ exitCode }) => exitCode,
  signal: ({ signal }) => signal,
  reason: ({ reason }) => reason,
  started: (run) => isoDate(startOf(run)),
  finished: ({ finished }) => isoDate(finished),
  seconds,
  size: ({ size }) => size,
  namespace: ({ namespace }) => namespace,
  pod: ({ pod }) => pod,
  node: ({ node }) => node,
  digest: ({ digest }) => digest,
};

function csv(runs: readonly ListedRun[]): string {
  const columns = Object.entries(CSV_COLUMNS);
  const rows = runs.map((run) => columns.map(([, value]) => value(run)?.toString() ?? ""));
  return [columns.map(([name]) => name), ...rows].map((row) => `${row.map(csvField).join(",")}\r\n`).join("");
}

function csvField(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The columns of a table for people. Exit codes, durations and sizes are aligned on the right. */
const COLUMNS: readonly { readonly title: string; readonly right?: true; readonly cell: (run: ListedRun) => string }[] =
  [
    { title: "REPOSITORY", cell: ({ repository }) => repository },
    { title: "TAG", cell: ({ tag }) => tag },
    { title: "STATE", cell: ({ state }) => state },
    { title: "EXIT", right: true, cell: (run) => runCells(run).exit },
    { title: "STARTED", cell: (run) => runCells(run).start },
    { title: "DURATION", right: true, cell: (run) => runCells(run).duration },
    { title: "SIZE", right: true, cell: (run) => runCells(run).size },
    { title: "POD", cell: (run) => runCells(run).pod },
    { title: "NODE", cell: (run) => runCells(run).node },
    { title: "DIGEST", cell: (run) => runCells(run).digest },
  ];

function textTable(runs: readonly ListedRun[], several: boolean): string {
  const columns = several ? COLUMNS : COLUMNS.slice(1);
  const rows = [
    columns.map(({ title }) => title),
    ...runs.map((run) => columns.map(({ cell }) => shortened(cell(run)))),
  ];
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const line = (row: readonly string[]) =>
    row
      .map((text, column) => {
        const width = widths[column] as number;
        return columns[column]?.right === true ? text.padStart(width) : text.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return `${rows.map(line).join("\n")}\n`;
}

function shortened(text: string): string {
  return text.length > MAX_WIDTH ? `${text.slice(0, MAX_WIDTH - 1)}…` : text;
}
