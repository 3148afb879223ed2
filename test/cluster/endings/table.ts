import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../support/paths.ts";
import type { EndingResult } from "./result.ts";

const FILE = join(ROOT, "docs", "endings.md");
const HEADER = "| what happens | Job | application | sidecar | registry |\n|---|---|---|---|---|\n";

/** Returns the rows of the table in `docs/endings.md`. The keys are the names of the endings. */
export function documentedRows(): Map<string, string> {
  const text = readFileSync(FILE, "utf8");
  const rows = text
    .slice(...tableOf(text))
    .trimEnd()
    .split("\n");
  return new Map(rows.map((row) => [(row.split("|")[1] ?? "").trim(), row]));
}

/**
 * Returns a row of the table. If the registry has no artifact, the row contains the messages that Kubernetes shows. The
 * addresses of registries and the digests in the messages are replaced, because they differ between runs.
 */
export function rowOf({ name, job, application, sidecar, registry, messages }: EndingResult): string {
  const tags = Object.entries(registry).map(
    ([tag, files]) => `${code(tag)}: ${files.map(code).join(", ") || "no files"}`,
  );
  const content = tags.length === 0 ? ["nothing", ...messages.map((message) => code(withoutDetails(message)))] : tags;
  return `| ${[name, job, application.join(", "), sidecar.join(", "), content.join("<br>")].join(" | ")} |`;
}

/** Checks whether a row equals a documented row. An unknown exit code equals every exit code. */
export function isDocumentedRow(row: string, documented: string | undefined): boolean {
  const expected = documented?.split("|") ?? [];
  const cells = row.split("|");
  const known = cells.map((cell, index) => (cell === " unknown " ? expected[index] : cell));
  return known.join("|") === documented;
}

function withoutDetails(message: string): string {
  return message
    .replaceAll(/[\d.]+:5\d{3}/g, "REGISTRY")
    .replaceAll(/ending-\d+/g, "NAME")
    .replaceAll(/sha256:\w+/g, "sha256:...");
}

function code(text: string): string {
  return `\`${text}\``;
}

/**
 * Writes the results to the table, in the order of `names`. If an ending has no result, keeps its row. Removes all rows
 * whose name is not in `names`.
 */
export function writeRows(names: readonly string[], results: ReadonlyMap<string, EndingResult>): void {
  const text = readFileSync(FILE, "utf8");
  const [start, end] = tableOf(text);
  const documented = documentedRows();
  const rows = names.flatMap((name) => {
    const result = results.get(name);
    return (result === undefined ? documented.get(name) : rowOf(result)) ?? [];
  });
  writeFileSync(FILE, `${text.slice(0, start)}${rows.join("\n")}\n${text.slice(end)}`);
}

/** Returns the offsets of the first row and of the end of the table. */
function tableOf(text: string): [start: number, end: number] {
  const start = text.indexOf(HEADER) + HEADER.length;
  const length = /^(?:\|.*\n)*/.exec(text.slice(start))?.[0].length ?? 0;
  return [start, start + length];
}
