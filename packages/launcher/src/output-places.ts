import { readdirSync, realpathSync, rmSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { SHARE } from "wait-fs/markers";
import { reasonOf, systemCode, ToolError } from "wait-fs/tool-error";

/** Where an output will be on the shared volume, whether it is there already or not. */
export interface OutputPlace {
  /** Relative to the volume. */
  readonly path: string;
  /** Whether the launcher copies it there; else the application itself writes it there. */
  readonly copied: boolean;
}

/**
 * Where each output path will be on the volume: one that lies there stays where it is, any other is copied to the outputs
 * folder under its own name. Throws `noInput`, naming it, for one whose folder can't be looked into.
 */
export function outputPlaces(share: string, outputs: readonly string[]): OutputPlace[] {
  const volume = realpathSync(share);
  return outputs.map((output) => {
    const within = relative(volume, futurePath(resolve(output)));
    const outside = within === "" || within === ".." || within.startsWith(`..${sep}`);
    return outside
      ? { path: join(SHARE.outputs, basename(resolve(output))), copied: true }
      : { path: within, copied: false };
  });
}

/**
 * Removes the copies that an earlier start of the launcher made, finished or not: should this one die, they are not to be
 * taken for its own. What an application wrote is left alone. Throws `cannotCreate`, naming the path.
 */
export function removeOldCopies(share: string, places: readonly OutputPlace[]): void {
  const folder = join(share, SHARE.outputs);
  const unfinished = namesIn(folder).filter((name) => /^\.(new|old)-[0-9a-f]{12}$/.test(name));
  const copies = places.filter(({ copied }) => copied).map(({ path }) => join(share, path));
  for (const path of [...unfinished.map((name) => join(folder, name)), ...copies])
    changing(path, () => rmSync(path, { recursive: true, force: true }));
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
