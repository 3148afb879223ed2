import { readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join, matchesGlob, relative, resolve, sep } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { cannotRead } from "shared/fs/path-failure";
import { removeTree } from "shared/fs/remove-tree";
import { reasonOf, systemCode } from "shared/fs/system-error";
import { SHARE } from "shared/pod/markers";
import { isOwnPart } from "./own-part.ts";
import { fixedFolder, mayBePattern } from "./pattern.ts";

/** The future location of an output on the shared volume. The output need not exist yet. */
export interface OutputLocation {
  /** A path relative to the volume. For a pattern, this is the folder that will contain the matches. */
  readonly path: string;
  /**
   * The name of the output's copy in the outputs folder. If the output is a pattern, this field is a pattern that
   * matches the names of all copies. The value is undefined if the output is not copied.
   */
  readonly copies: string | undefined;
}

/**
 * Returns the future locations of outputs. An output on the volume stays in its place. Any other output will be copied
 * to the outputs folder under its own name. Throws `noInput` with the path if a folder of an output cannot be read.
 * Throws `usage` for an output that contains the volume, or that belongs to the tools.
 */
export function locateOutputs(share: string, outputs: readonly string[]): OutputLocation[] {
  const volume = realpathSync(share);
  return outputs.map((output) => locationOf(volume, output));
}

function locationOf(volume: string, output: string): OutputLocation {
  const pattern = mayBePattern(output);
  const path = futurePath(resolve(pattern ? fixedFolder(output) : output));
  const within = relative(volume, path);
  if (!pattern) refuseOwnPart(output, volume, path);
  const outside = within === ".." || within.startsWith(`..${sep}`) || (within === "" && !pattern);
  if (!outside) return { path: within, copies: undefined };
  const name = basename(resolve(output));
  return { path: pattern ? SHARE.outputs : join(SHARE.outputs, name), copies: name };
}

/**
 * Throws `usage` if an output contains the volume, or belongs to the tools. Patterns are not checked here, because
 * their matches are checked later.
 */
function refuseOwnPart(output: string, volume: string, path: string): void {
  const hint = "use a separate output folder for the step";
  if (!relative(path, volume).startsWith(".."))
    throw new ToolError("usage", `the output ${output} contains the shared volume ${volume}`, { hint });
  if (isOwnPart(relative(volume, path)))
    throw new ToolError("usage", `the output ${output} belongs to the tools`, {
      why: `this path is reserved for the markers, inputs and logs on ${volume}`,
      hint,
    });
}

/**
 * Returns the paths for the list of outputs in the started marker. Skips the folder of the volume itself, because this
 * folder contains the markers.
 */
export function futureOutputPaths(locations: readonly OutputLocation[]): string[] {
  return [...new Set(locations.map(({ path }) => path).filter((path) => path !== ""))];
}

/** The names of the temporary copies that `save-output.ts` makes. */
const TEMPORARY_COPY = /^\.(new|old|saved)-[0-9a-f]{12}$/;

/**
 * Removes the complete and the incomplete copies that an earlier attempt made. If an old copy stayed and this launcher
 * died, the old copy would count as an output of this attempt. Keeps the files that an application itself wrote. Throws
 * `cannotCreate` with the path if a copy cannot be removed.
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

/**
 * Resolves the symbolic links in a path. If the path does not exist yet, resolves only the links in the existing part
 * of the path.
 */
function futurePath(path: string): string {
  try {
    // Without `native`, Node reports no error for a path below a socket or a FIFO.
    return realpathSync.native(path);
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
