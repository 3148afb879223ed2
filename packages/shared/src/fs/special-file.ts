import type { Stats } from "node:fs";

/** The kind of a file that is neither a regular file, a folder nor a link, for messages: "a FIFO", "a socket", "a device". */
export function specialFileKind(stats: Stats): string {
  if (stats.isFIFO()) return "a FIFO";
  return stats.isSocket() ? "a socket" : "a device";
}
