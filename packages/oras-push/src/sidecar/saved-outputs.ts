import { readdirSync, realpathSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { reasonOf, systemCode, ToolError } from "shared/cli/tool-error";
import { SHARE } from "shared/pod/markers";
import type { AttemptEnd } from "./attempt-end.ts";

/**
 * The paths on the volume that are an attempt's outputs: what the launcher saved or, where it did not come to that, what
 * is there of it. Where the launcher does not say, all in the outputs folder but names with a leading dot. Throws
 * `noInput`, naming the path, for one that can't be read, is not there though it was saved, or lies outside of the volume:
 * the sidecar's own files are not the application's to push.
 */
export function savedOutputs(share: string, { kind, outputs }: AttemptEnd): string[] {
  const folder = join(resolve(share), SHARE.outputs);
  if (kind === "done" && outputs === null) return namesIn(folder);
  return (outputs ?? [SHARE.outputs]).flatMap((output) => {
    const path = resolve(share, output);
    if (!isOnVolume(share, path, kind === "done")) return [];
    return path === folder ? namesIn(folder) : [path];
  });
}

function namesIn(folder: string): string[] {
  const names = reading(folder, () => readdirSync(folder));
  return names
    .filter((name) => !name.startsWith("."))
    .sort()
    .map((name) => join(folder, name));
}

/** False for a path that is not there and need not be. */
function isOnVolume(share: string, path: string, due: boolean): boolean {
  const real = reading(path, () => {
    try {
      return realpathSync(path);
    } catch (error) {
      if (!due && systemCode(error) === "ENOENT") return undefined;
      throw error;
    }
  });
  if (real === undefined) return false;
  if (!real.startsWith(`${realpathSync(share)}${sep}`))
    throw new ToolError("noInput", `the output ${path} lies outside of the shared volume`);
  return true;
}

function reading<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new ToolError("noInput", `cannot read ${path}`, { why: reasonOf(error), cause: error });
  }
}
