import { statSync } from "node:fs";
import { type Log, silent } from "../cli/log.ts";
import { reasonOf } from "../fs/system-error.ts";

/** The paths to wait for, and how many of them must exist. */
export interface PathCheck {
  readonly paths: readonly string[];
  /** If true, one existing path is enough. By default, all paths must exist. */
  readonly any?: boolean | undefined;
  /** Receives a line for each missing path, and another line when that path is found. */
  readonly log?: Log | undefined;
}

/**
 * Returns a `check` function for `waitUntil`. By default, all paths must exist. If `any` is true, one existing path is
 * enough. If enough paths exist, `check` returns the existing paths. Otherwise, `check` returns undefined.
 */
export function existingPaths({ paths, any, log = silent }: PathCheck): () => Promise<readonly string[] | undefined> {
  const wanted = [...new Set(paths)];
  const enough = any === true ? 1 : wanted.length;
  const logged = new Map<string, string>();
  const logOnce = (path: string, line: string) => {
    if (logged.get(path) !== line) log(line);
    logged.set(path, line);
  };
  return async () => {
    const found = wanted.filter((path) => {
      const missing = whyMissing(path);
      logOnce(path, missing ?? `Found existing path ${path}`);
      return missing === undefined;
    });
    return found.length >= enough ? found : undefined;
  };
}

/**
 * Returns the reason why a path was not found. Returns undefined if the path exists. If the path cannot be examined,
 * returns the error as the reason. Does not throw the error, because it can be temporary.
 */
export function whyMissing(path: string): string | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined ? `Path ${path} does not exist yet` : undefined;
  } catch (error) {
    return `Path ${path} cannot be examined yet: ${reasonOf(error)}`;
  }
}
