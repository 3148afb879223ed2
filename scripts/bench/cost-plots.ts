import type { Curve, Growth, Work } from "./result.ts";
import { spreadOf } from "./statistics.ts";

/** The costs that have their own plots, in addition to the plot of the time. */
const COSTS = [
  { field: "cpu", y: "CPU seconds" },
  { field: "memory", y: "MiB of memory" },
] as const;

/**
 * Makes two more plots for a growth plot: one for the CPU time, and one for the memory. If a process ends before the
 * first memory sample, the memory plot has no point for this process. Omits a plot that has no points.
 */
export function costPlots(growth: Growth, works: readonly Work[]): Growth[] {
  const steps = [...new Set(growth.curves.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
  const measured = growth.works.map((name) => works.find((work) => work.name === name));
  // The n-th work belongs to the n-th value of x, if each work has at least one measured contestant. A work without
  // measured contestants has no value of x.
  if (measured.length !== steps.length) return [];
  return COSTS.map(({ field, y }) => {
    const curve = ({ name }: Curve): Curve => ({
      name,
      points: steps.flatMap((x, index) => {
        const values = (measured[index]?.samples[name] ?? [])
          .map((sample) => sample[field])
          .filter((value) => value > 0);
        return values.length === 0 ? [] : [[x, spreadOf(values).median] as const];
      }),
    });
    const curves = growth.curves.map(curve).filter(({ points }) => points.length > 0);
    return { ...growth, name: `${growth.name}-${field}`, y, curves };
  }).filter(({ curves }) => curves.length > 0);
}
