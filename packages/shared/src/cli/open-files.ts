import { readFileSync } from "node:fs";
import { ToolError } from "./tool-error.ts";

/** The number of open files that a tool needs. After the start of a process, Node itself has 21 open files. */
const NEEDED = 64;

/**
 * Returns a failure if the limit of open files is too low for this process. Returns undefined if the limit is high
 * enough or unknown. `readLimits` returns the text of `/proc/self/limits` (proc(5)).
 */
export function openFilesFailure(readLimits: () => string = ownLimits): ToolError | undefined {
  const limit = openFilesLimit(readLimits);
  if (limit === undefined || limit >= NEEDED) return undefined;
  const hint = "raise the limit, for example with ulimit -n";
  return new ToolError("software", `expected a limit of at least ${NEEDED} open files, found ${limit}`, { hint });
}

/**
 * Returns the limit of open files. Returns undefined if the limit is unknown. If the limit is too low to open
 * `/proc/self/limits`, returns 21, the number of files that Node itself has open after its start.
 */
function openFilesLimit(readLimits: () => string): number | undefined {
  try {
    const limit = /^Max open files +(\d+) /m.exec(readLimits())?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EMFILE" ? 21 : undefined;
  }
}

function ownLimits(): string {
  return readFileSync("/proc/self/limits", "latin1");
}
