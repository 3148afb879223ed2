import { dirname, resolve, sep } from "node:path";
import type { Log } from "../cli/log.ts";

/**
 * Watches paths with inotify. Calls `report` when one of the paths changes. The paths and their folders need not exist.
 * Logs one line if the watch fails. Returns a function that stops the watch.
 */
export async function watchPaths(paths: readonly string[], report: () => void, log: Log): Promise<() => Promise<void>> {
  const targets = paths.map((path) => resolve(path));
  // If the folder of a target does not exist, chokidar watches the nearest existing folder above the target. All paths
  // except the targets and the folders above them are ignored. Therefore, changes of other files cost nothing.
  const ignored = (path: string) =>
    !targets.some((target) => target === path || target.startsWith(withSeparator(path)));
  const { watch } = await import("chokidar");
  const watcher = watch([...new Set(targets.map(dirname))], {
    ignored,
    ignoreInitial: true,
    ignorePermissionErrors: true,
  });
  let failed = false;
  watcher.on("error", (error) => {
    if (!failed) log(`cannot watch, polling instead: ${(error as Error).message}`);
    failed = true;
  });
  watcher.on("raw", report).on("all", report).on("ready", report);
  return () => watcher.close();
}

function withSeparator(path: string): string {
  return path.endsWith(sep) ? path : path + sep;
}
