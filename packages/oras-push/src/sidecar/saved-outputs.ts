import { readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { reading } from "shared/fs/path-failure";
import { systemCode } from "shared/fs/system-error";
import { MAX_OUTPUTS, SHARE } from "shared/pod/markers";
import type { AttemptEnd } from "./attempt-end.ts";

/**
 * Returns the paths of an attempt's outputs on the volume. If `outputs` is null, the result contains everything in the
 * outputs folder, except names with a leading dot. If the attempt is incomplete, the result does not contain missing
 * outputs. If the attempt is complete, this function throws `noInput` with the path of an output that is missing or
 * cannot be read. This function also throws `noInput` for an output outside of the volume. Otherwise, an application
 * could make the sidecar push files of the sidecar's own container.
 */
export function savedOutputs(share: string, { kind, outputs }: AttemptEnd): string[] {
  const folder = join(resolve(share), SHARE.outputs);
  const logs = join(resolve(share), SHARE.logs);
  if (kind === "done" && outputs === null) return namesIn(folder);
  return (outputs ?? [SHARE.outputs]).flatMap((output) => {
    const path = resolve(share, output);
    const place = placeOf(share, path, kind === "done");
    if (place === "missing") return [];
    // Keeps an unreadable path in the list, because the push of an incomplete attempt reports unreadable paths.
    if (place === "unreadable") return [path];
    // Skips an empty log, because some registries refuse empty blobs. An empty log contains no information.
    if (dirname(path) === logs && statSync(path).size === 0) return [];
    return path === folder ? namesIn(folder) : [path];
  });
}

/**
 * Returns the paths in the outputs folder. Each returned path becomes one layer. Returns only the folder itself if it
 * contains more than {@link MAX_OUTPUTS} paths.
 */
function namesIn(folder: string): string[] {
  const names = reading(folder, () => readdirSync(folder)).filter((name) => !name.startsWith("."));
  return names.length > MAX_OUTPUTS ? [folder] : names.sort().map((name) => join(folder, name));
}

/**
 * Returns whether an output is on the volume, missing or unreadable. Throws if the output is outside of the volume.
 * Also throws if a required output is missing or unreadable.
 */
function placeOf(share: string, path: string, required: boolean): "volume" | "missing" | "unreadable" {
  const real = reading(path, () => {
    try {
      return realpathSync(path);
    } catch (error) {
      if (required) throw error;
      return systemCode(error) === "ENOENT" ? "missing" : "unreadable";
    }
  });
  if (real === "missing" || real === "unreadable") return real;
  if (!real.startsWith(`${realpathSync(share)}${sep}`))
    throw new ToolError("noInput", `the output ${path} is outside the shared volume`);
  return "volume";
}
