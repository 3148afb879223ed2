/** The middle of numbers and how far they spread. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The median of numbers, with the smallest and the largest of them. Throws where there are none. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [low] = sorted;
  const high = sorted.at(-1);
  if (low === undefined || high === undefined) throw new Error("there is nothing to take the median of");
  const upper = sorted[Math.floor(sorted.length / 2)] as number;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] as number;
  return { median: (lower + upper) / 2, low, high };
}
