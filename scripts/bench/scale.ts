/** Maps values to pixels. */
export interface Scale {
  readonly at: (value: number) => number;
  /** The values of the grid lines, in ascending order. */
  readonly ticks: readonly number[];
  readonly logarithmic: boolean;
}

/** If the largest value is at least this multiple of the smallest value, the scale is logarithmic. */
const WIDE = 20;

/** The largest number of steps on a linear scale. */
const STEPS = 6;

/** Makes a logarithmic scale with a tick at each value. Throws if there are no values. */
export function stepScale(values: readonly number[], from: number, to: number): Scale {
  return logScale(
    [...new Set(values)].sort((a, b) => a - b),
    from,
    to,
  );
}

/**
 * Makes a scale that encloses the values. If the values span a wide range, the scale is logarithmic, with a tick at
 * each power of ten. Otherwise, the scale is linear and starts at 0. Throws if there are no values.
 */
export function valueScale(values: readonly number[], from: number, to: number): Scale {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (high / low < WIDE) return linearScale(high, from, to);
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const powers = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => Number(`1e${first + index}`));
  return logScale(powers, from, to);
}

function linearScale(high: number, from: number, to: number): Scale {
  const power = 10 ** Math.floor(Math.log10(high / STEPS));
  const step = ([1, 2, 5, 10].find((digit) => high <= digit * power * STEPS) as number) * power;
  const count = Math.ceil(high / step);
  const ticks = Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(3)));
  return { at: (value) => pixel(value / (count * step), from, to), ticks, logarithmic: false };
}

/** A single tick is in the middle. */
function logScale(ticks: readonly number[], from: number, to: number): Scale {
  const [first, last] = [ticks[0], ticks.at(-1)];
  if (first === undefined || last === undefined) throw new Error("cannot draw a chart: expected one or more points");
  const span = Math.log10(last / first);
  const at = (value: number) => pixel(span === 0 ? 0.5 : Math.log10(value / first) / span, from, to);
  return { at, ticks, logarithmic: true };
}

/**
 * Returns a position between `from` and `to`, in pixels, rounded to a tenth. A `fraction` of 0 is at `from`, and 1 is
 * at `to`.
 */
function pixel(fraction: number, from: number, to: number): number {
  return Math.round((from + fraction * (to - from)) * 10) / 10;
}
