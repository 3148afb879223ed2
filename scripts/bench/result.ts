import type { Machine } from "./machine.ts";
import type { Measured } from "./measure.ts";

/** The cost of one contestant in one round. */
export type Sample = Omit<Measured, "stdout">;

/** One figure with its goal. */
export interface Row {
  /** The work, such as `push 10,000 small files`. */
  readonly work: string;
  /** The unit of the values, such as `MiB of memory` or `x the time of oras push`. */
  readonly figure: string;
  /** One value per round. Most ratios compare runs of the same round. */
  readonly values: readonly number[];
  /**
   * The largest median that reaches the goal. If `atLeast` is true, the smallest median that reaches the goal.
   * Undefined if the figure has no goal.
   */
  readonly goal?: number;
  readonly atLeast?: boolean;
}

/** All samples of one work, by contestant. */
export interface Work {
  readonly name: string;
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
}

/** One curve of a growth plot. */
export interface Curve {
  /** The contestant. */
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A plot that shows how time or throughput changes with x, such as the number of files. */
export interface Growth {
  readonly name: string;
  readonly title: string;
  /** The label of the x axis. */
  readonly x: string;
  /** The label of the y axis. */
  readonly y: string;
  readonly curves: readonly Curve[];
  /** The names of the works that were measured for the points, in ascending order of x. */
  readonly works: readonly string[];
}

/** One run of the bench, as stored in JSON. */
export interface BenchRun {
  readonly schema: 1;
  /** RFC 3339, UTC. */
  readonly date: string;
  /** True for a small run that only checks that the bench works. */
  readonly quick: boolean;
  readonly seconds: number;
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly works: readonly Work[];
  readonly growth: readonly Growth[];
  /** The parts that were not measured, each with the reason. */
  readonly missing: readonly string[];
}
