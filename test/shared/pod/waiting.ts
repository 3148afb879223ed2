import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { existingPaths } from "shared/pod/existing-paths";
import { type WaitOptions, waitUntil } from "shared/pod/wait";

/** A polling interval in seconds, so long that a wait which depends on polling fails its test. */
export const NEVER = 1000;

/** Waits until paths exist. */
export function waitForPaths(options: WaitOptions & { readonly any?: boolean }): Promise<readonly string[]> {
  return waitUntil(existingPaths(options), options);
}

/** A log that keeps its lines. `line` waits for a line that contains `part`. */
export function recordingLog() {
  const lines: string[] = [];
  let wake = () => {};
  return {
    lines,
    log: (line: string) => {
      lines.push(line);
      wake();
    },
    line: async (part: string) => {
      while (!lines.some((line) => line.includes(part)))
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
  };
}

/** The number of inotify watches of this process. The kernel shows one per line. */
export function inotifyWatches(): number {
  let count = 0;
  for (const name of readdirSync("/proc/self/fdinfo")) {
    const path = join("/proc/self/fdinfo", name);
    if (!existsSync(path)) continue;
    count += readFileSync(path, "utf8").match(/^inotify wd:/gm)?.length ?? 0;
  }
  return count;
}
