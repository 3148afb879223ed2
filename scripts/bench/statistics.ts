/** The median of numbers and their range. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Returns the median, the minimum and the maximum. Throws if there are no values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [low] = sorted;
  const high = sorted.at(-1);
  if (low === undefined || high === undefined) throw new Error("cannot compute a median: expected one or more values");
  const upper = sorted[Math.floor(sorted.length / 2)] as number;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] as number;
  return { median: (lower + upper) / 2, low, high };
}

/**
 * Divides the value in `ours` by the value in `peer`, for each round. Skips a round if one of the two values is
 * missing.
 */
export function roundRatios(ours: readonly number[], peer: readonly number[]): number[] {
  return ours.slice(0, peer.length).map((value, round) => value / (peer[round] as number));
}
