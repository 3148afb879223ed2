import { readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join, matchesGlob, relative, resolve, sep } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { cannotRead } from "shared/fs/path-failure";
import { removeTree } from "shared/fs/remove-tree";
import { reasonOf, systemCode } from "shared/fs/system-error";
import { SHARE } from "shared/pod/markers";
import { mayBePattern } from "./output-paths.ts";

/** The future location of an output on the shared volume. The output need not exist yet. */
export interface OutputLocation {
  /** Relative to the volume. For a pattern, the folder that will contain its matches. */
  readonly path: string;
  /**
   * The name of the copy in the outputs folder, or the pattern that its copies match. Undefined if the output is not
   * copied.
   */
  readonly copies: string | undefined;
}

/**
 * The future locations of outputs: an output on the volume stays in its place; any other output will be copied to the
 * outputs folder under its own name. Throws `noInput` with the path if a folder of an output cannot be read.
 */
export function locateOutputs(share: string, outputs: readonly string[]): OutputLocation[] {
  const volume = realpathSync(share);
  return outputs.map((output) => locationOf(volume, output));
}

function locationOf(volume: string, output: string): OutputLocation {
  const pattern = mayBePattern(output);
  const within = relative(volume, futurePath(resolve(pattern ? fixedFolder(output) : output)));
  const outside = within === ".." || within.startsWith(`..${sep}`) || (within === "" && !pattern);
  if (!outside) return { path: within, copies: undefined };
  const name = basename(resolve(output));
  return { path: pattern ? SHARE.outputs : join(SHARE.outputs, name), copies: name };
}

/** The paths for the started marker. Leaves out the volume itself, because it contains the markers. */
export function futureOutputPaths(locations: readonly OutputLocation[]): string[] {
  return [...new Set(locations.map(({ path }) => path).filter((path) => path !== ""))];
}

/** The names of the temporary copies that `save-output.ts` makes. */
const TEMPORARY_COPY = /^\.(new|old)-[0-9a-f]{12}$/;

/**
 * Removes the copies of an earlier attempt, complete or not. Otherwise they would count as outputs of this attempt if the
 * launcher died. Keeps the files that an application wrote. Throws `cannotCreate` with the path.
 */
export function removeOldCopies(share: string, locations: readonly OutputLocation[]): void {
  const folder = join(share, SHARE.outputs);
  const isCopy = (name: string) =>
    locations.some(({ copies }) => copies !== undefined && (copies === name || matchesGlob(name, copies)));
  for (const name of namesIn(folder).filter((name) => TEMPORARY_COPY.test(name) || isCopy(name))) {
    const path = join(folder, name);
    removing(path, () => removeTree(path));
  }
}

/** The folders of a pattern up to its first part with pattern characters. */
function fixedFolder(pattern: string): string {
  const parts = resolve(pattern).split(sep);
  return parts.slice(0, parts.findIndex(mayBePattern)).join(sep) || sep;
}

function namesIn(folder: string): string[] {
  return removing(folder, () => {
    try {
      return readdirSync(folder);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return [];
      throw error;
    }
  });
}

/** The real path of a path that may not exist yet. Follows the links of the existing folders. */
function futurePath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return join(futurePath(dirname(path)), basename(path));
    throw cannotRead(path, error);
  }
}

function removing<T>(path: string, remove: () => T): T {
  try {
    return remove();
  } catch (error) {
    throw new ToolError("cannotCreate", `cannot remove old outputs at ${path}`, { why: reasonOf(error), cause: error });
  }
}
