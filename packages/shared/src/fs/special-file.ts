import type { Stats } from "node:fs";

/** The kind of a special file, as text for messages: "a FIFO", "a socket", "a device". */
export function specialFileKind(stats: Stats): string {
  if (stats.isFIFO()) return "a FIFO";
  return stats.isSocket() ? "a socket" : "a device";
}
