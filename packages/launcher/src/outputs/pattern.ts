import { resolve, sep } from "node:path";

/**
 * Whether an output may be a pattern. A pattern contains at least one of the characters `*`, `?`, `[` and `{`. Any
 * other output is a path.
 */
export function mayBePattern(output: string): boolean {
  return /[*?[{]/.test(output);
}

/** Returns the folder in which a pattern starts: the path before the first part that contains pattern characters. */
export function fixedFolder(pattern: string): string {
  const parts = resolve(pattern).split(sep);
  return parts.slice(0, parts.findIndex(mayBePattern)).join(sep) || sep;
}
