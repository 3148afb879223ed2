import { formatReference } from "../oci/reference.ts";
import type { RunQuery, SortField } from "./query.ts";
import type { TaggedManifest } from "./read-artifacts.ts";
import { durationOf, endOf, type Run, readRun, startOf } from "./run.ts";

/** A tag and the run that made its artifact. */
export interface ListedRun extends Run {
  /** The repository or the layout, such as `localhost:5000/metric/run`. */
  readonly repository: string;
  readonly tag: string;
}

/** Converts an artifact to a row of the list. Throws `ManifestError` if the manifest is invalid. */
export function listedRun({ repository, tag, manifest }: TaggedManifest): ListedRun {
  return { repository: formatReference(repository), tag, ...readRun(manifest) };
}

/** Returns the reference of a run. The reference contains the tag of the run. */
export function referenceOf({ repository, tag }: Pick<ListedRun, "repository" | "tag">): string {
  return `${repository}:${tag}`;
}

/**
 * Selects runs, and sorts them by the value that `sort` names. The smallest value comes first. A run whose value is
 * unknown comes before all other runs. Runs with the same value are sorted by their references. If `reverse` is true,
 * the order is reversed. This function is pure.
 */
export function selectRuns(runs: readonly ListedRun[], { states, since, sort, reverse }: RunQuery): ListedRun[] {
  const selected = runs.filter(
    (run) =>
      (states === undefined || states.has(run.state)) &&
      (since === undefined || (startOf(run) ?? Number.NEGATIVE_INFINITY) >= since),
  );
  const value = SORT_VALUES[sort];
  const sorted = selected.sort((a, b) => compare(value(a), value(b)) || compareNames(a, b));
  return reverse ? sorted.reverse() : sorted;
}

const SORT_VALUES: Readonly<Record<SortField, (run: ListedRun) => number | string | undefined>> = {
  start: startOf,
  end: endOf,
  duration: durationOf,
  size: ({ size }) => size,
  state: ({ state }) => state,
  tag: () => undefined,
};

function compare(a: number | string | undefined, b: number | string | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  return a < b ? -1 : 1;
}

/** Compares two references. Numbers in the names are compared as numbers, so that `iter-2` comes before `iter-10`. */
function compareNames(a: ListedRun, b: ListedRun): number {
  return NAMES.compare(a.repository, b.repository) || NAMES.compare(a.tag, b.tag) || compare(a.tag, b.tag);
}

const NAMES = new Intl.Collator("en", { numeric: true });
