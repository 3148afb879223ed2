import type { RunState } from "../artifact/run-annotations.ts";

/** The fields by which runs can be sorted. */
export const SORT_FIELDS = ["start", "end", "duration", "size", "state", "tag"] as const;

/** A field by which runs can be sorted. */
export type SortField = (typeof SORT_FIELDS)[number];

/** Which runs to list, and in which order. */
export interface RunQuery {
  /** The states of the runs to list. If undefined, runs with any state are listed. */
  readonly states: ReadonlySet<RunState> | undefined;
  /**
   * The earliest start, in milliseconds since 1970. If this filter is set, runs with an unknown start are not listed.
   * Undefined if there is no limit.
   */
  readonly since: number | undefined;
  readonly sort: SortField;
  readonly reverse: boolean;
}

/** The formats of a list of runs. */
export const LIST_FORMATS = ["text", "json", "csv"] as const;

/** A format of a list of runs. */
export type ListFormat = (typeof LIST_FORMATS)[number];

/** The formats of a lineage. */
export const LINEAGE_FORMATS = ["text", "json", "mermaid", "dot"] as const;

/** A format of a lineage. */
export type LineageFormat = (typeof LINEAGE_FORMATS)[number];
