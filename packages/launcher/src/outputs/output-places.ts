import { readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join, matchesGlob, relative, resolve, sep } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf, systemCode } from "shared/fs/system-error";
import { SHARE } from "shared/pod/markers";
import { removeTree } from "shared/fs/remove-tree";
import { mayBePattern } from "./output-paths.ts";

/** Where an output will be on the shared volume, whether it is there already or not. */
export interface OutputPlace {
  /** Relative to the volume; for a pattern the folder that what it matches will be in. */
  readonly path: string;
  /** The names in the outputs folder that the launcher copies it to, as a pattern; undefined where the application itself writes it to the volume. */
  readonly copies: string | undefined;
}

/**
 * Where each output will be on the volume: one that lies there stays where it is, any other is copied to the outputs
 * folder under its own name. Throws `noInput`, naming it, for one whose folder can't be looked into.
 */
export function outputPlaces(share: string, outputs: readonly string[]): OutputPlace[] {
  const volume = realpathSync(share);
  return outputs.map((output) => {
    const pattern = mayBePattern(output);
    const within = relative(volume, futurePath(resolve(pattern ? fixedFolder(output) : output)));
    const outside = within === ".." || within.startsWith(`..${sep}`) || (within === "" && !pattern);
    if (!outside) return { path: within, copies: undefined };
    const name = basename(resolve(output));
    return { path: pattern ? SHARE.outputs : join(SHARE.outputs, name), copies: name };
  });
}

/** What of the volume an attempt's outputs are in, should the launcher die: never the whole volume, markers and all. */
export function announcedPaths(places: readonly OutputPlace[]): string[] {
  return [...new Set(places.map(({ path }) => path).filter((path) => path !== ""))];
}

/**
 * Removes the copies that an earlier start of the launcher made, finished or not: should this one die, they are not to be
 * taken for its own. What an application wrote is left alone. Throws `cannotCreate`, naming the path.
 */
export function removeOldCopies(share: string, places: readonly OutputPlace[]): void {
  const folder = join(share, SHARE.outputs);
  const isCopy = (name: string) =>
    places.some(({ copies }) => copies !== undefined && (copies === name || matchesGlob(name, copies)));
  for (const name of namesIn(folder).filter((name) => UNFINISHED.test(name) || isCopy(name))) {
    const path = join(folder, name);
    changing(path, () => removeTree(path));
  }
}

const UNFINISHED = /^\.(new|old)-[0-9a-f]{12}$/;

/** The folders of a pattern up to the first part that is not a plain name. */
function fixedFolder(pattern: string): string {
  const parts = resolve(pattern).split(sep);
  return parts.slice(0, parts.findIndex(mayBePattern)).join(sep) || sep;
}

function namesIn(folder: string): string[] {
  return changing(folder, () => {
    try {
      return readdirSync(folder);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return [];
      throw error;
    }
  });
}

/** The real path that a path has, or will have once it is made in the folders that are there. */
function futurePath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return join(futurePath(dirname(path)), basename(path));
    throw new ToolError("noInput", `cannot read ${path}`, { why: reasonOf(error), cause: error });
  }
}

function changing<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const facts = { why: reasonOf(error), cause: error };
    throw new ToolError("cannotCreate", `cannot remove what an earlier start left at ${path}`, facts);
  }
}
