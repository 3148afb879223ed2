/**
 * Formats a number for people. A number below 1,000 gets three significant digits. A larger number is rounded to an
 * integer and gets commas.
 */
export function formatNumber(value: number): string {
  if (value === 0) return "0";
  return value >= 100 ? formatCount(Math.round(value)) : value.toPrecision(3);
}

/** A whole number with a comma every three digits: `10,240`. */
export function formatCount(value: number): string {
  return value.toLocaleString("en");
}
