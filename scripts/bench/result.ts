import type { Machine } from "./machine.ts";
import type { Measured } from "./measured.ts";

/** What one contestant took in one round. */
export type Sample = Omit<Measured, "stdout">;

/** One figure with its goal. */
export interface Row {
  /** What was done, such as `push 10,000 small files`. */
  readonly work: string;
  /** What it is measured in or against, such as `of oras push`. */
  readonly figure: string;
  /** One value a round; ratios are of pairs that ran one after the other. */
  readonly values: readonly number[];
  /** The largest median that reaches the goal, or with `atLeast` the smallest; undefined for a figure without one. */
  readonly goal?: number;
  readonly atLeast?: boolean;
}

/** All that ran for one work, by contestant. */
export interface Work {
  readonly name: string;
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
}

/** How something grows: one curve. */
export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A figure of curves. */
export interface Growth {
  readonly name: string;
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly curves: readonly Curve[];
  /** The works that it was made from. */
  readonly works: readonly string[];
}

/** One run of the bench, as its JSON has it. */
export interface BenchRun {
  readonly schema: 1;
  /** RFC 3339, UTC. */
  readonly date: string;
  /** A small run that shows that the bench works, and no more. */
  readonly quick: boolean;
  readonly seconds: number;
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly works: readonly Work[];
  readonly growth: readonly Growth[];
  /** What was not measured, and why. */
  readonly missing: readonly string[];
}
