import { readdirSync, realpathSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { reading } from "shared/fs/path-failure";
import { systemCode } from "shared/fs/system-error";
import { SHARE } from "shared/pod/markers";
import type { AttemptEnd } from "./attempt-end.ts";

/**
 * The paths of an attempt's outputs on the volume: the saved outputs, or for an incomplete attempt the existing
 * outputs. If the marker names no outputs, returns everything in the outputs folder except names with a leading dot.
 * Throws `noInput` with the path if an output cannot be read, is missing although it was saved, or lies outside of the
 * volume: an application must not make the sidecar push the sidecar's own files.
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

/** Whether an output is on the volume. Returns false for a missing path that is not required. */
function isOnVolume(share: string, path: string, required: boolean): boolean {
  const real = reading(path, () => {
    try {
      return realpathSync(path);
    } catch (error) {
      if (!required && systemCode(error) === "ENOENT") return undefined;
      throw error;
    }
  });
  if (real === undefined) return false;
  if (!real.startsWith(`${realpathSync(share)}${sep}`))
    throw new ToolError("noInput", `the output ${path} lies outside of the shared volume`);
  return true;
}
