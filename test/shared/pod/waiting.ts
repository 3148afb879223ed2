import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { existingPaths } from "shared/pod/existing-paths";
import { type WaitOptions, waitUntil } from "shared/pod/wait";

/** A polling interval in seconds. It is so long that a test fails if its wait depends on polling. */
export const NEVER = 1000;

type PathWaitOptions = WaitOptions & { readonly any?: boolean };

/** Waits until paths exist. */
export function waitForPaths(options: PathWaitOptions): Promise<readonly string[]> {
  return waitUntil(existingPaths(options), options);
}

/**
 * The number of the check that shows that the watch runs. Check 1 comes before the start of the watch, check 2 comes
 * directly after the start, and check 3 comes when the watch runs.
 */
export const FIRST_WATCHED_CHECK = 3;

/**
 * Starts a wait for paths. Resolves when the watch of these paths runs. Until then, the test must not change the paths.
 */
export async function startWatching(options: PathWaitOptions): Promise<{ found: Promise<readonly string[]> }> {
  const watching = Promise.withResolvers<void>();
  const check = existingPaths(options);
  let checks = 0;
  const countingCheck = () => {
    if (++checks === FIRST_WATCHED_CHECK) watching.resolve();
    return check();
  };
  const found = waitUntil(countingCheck, options);
  await Promise.race([watching.promise, found]);
  return { found };
}

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
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

/** Returns the number of inotify watches of this process. The kernel lists each watch on its own line. */
export function inotifyWatches(): number {
  let count = 0;
  for (const name of readdirSync("/proc/self/fdinfo")) {
    const path = join("/proc/self/fdinfo", name);
    if (!existsSync(path)) continue;
    count += readFileSync(path, "utf8").match(/^inotify wd:/gm)?.length ?? 0;
  }
  return count;
}
