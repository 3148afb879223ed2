import { accessSync, constants, statSync } from "node:fs";
import { ToolError } from "shared/cli/tool-error";
import { reading } from "shared/fs/path-failure";
import { walk } from "../tar/walk.ts";
import { type LayerPath, titleOf } from "./layer-path.ts";

/** The readable paths of an artifact, and the failures of the unreadable paths. */
export interface ReadablePart {
  /**
   * The readable paths. A folder in this list may contain unreadable paths. The push must skip the unreadable paths.
   */
  readonly paths: readonly LayerPath[];
  /** The failure of each path that cannot be read. */
  readonly failures: readonly ToolError[];
}

/** Finds out which files and folders this process can read. Does not read the content of files. */
export function readablePart(paths: readonly LayerPath[]): ReadablePart {
  const failures: ToolError[] = [];
  const collecting = (check: () => void) => {
    try {
      check();
      return true;
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      failures.push(error);
      return false;
    }
  };
  const readable = paths.filter(({ path }) =>
    collecting(() => checkPath(path, (_, failure) => failures.push(failure))),
  );
  return { paths: readable, failures };
}

/**
 * Checks a path. If the path is a folder, this function also checks all paths in the folder, and calls `unreadable` for
 * each unreadable path. Throws `noInput` if `path` itself cannot be read.
 */
function checkPath(path: string, unreadable: (path: string, failure: ToolError) => void): void {
  const stats = reading(path, () => {
    accessSync(path, constants.R_OK);
    return statSync(path);
  });
  if (!stats.isDirectory()) return;
  for (const _ of walk(path, titleOf(path), () => {}, undefined, unreadable));
}
