/** A number for people: three significant digits, or all digits with separators from 1,000 on. */
export function formatNumber(value: number): string {
  if (value === 0) return "0";
  return value >= 100 ? formatCount(Math.round(value)) : value.toPrecision(3);
}

/** A whole number with a comma every three digits: `10,240`. */
export function formatCount(value: number): string {
  return value.toLocaleString("en");
}
