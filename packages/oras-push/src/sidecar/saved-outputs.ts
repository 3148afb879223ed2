import { readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { reading } from "shared/fs/path-failure";
import { MAX_OUTPUTS, SHARE } from "shared/pod/markers";
import type { AttemptEnd } from "./attempt-end.ts";
import { placeOnVolume } from "./volume-path.ts";

/**
 * Returns the paths of an attempt's outputs on the volume. If `outputs` is null, the result contains everything in the
 * outputs folder, except names with a leading dot. If the attempt is incomplete, the result does not contain missing
 * paths of `outputs`. If the attempt is complete, this function throws `noInput` with a path of `outputs` that is
 * missing or cannot be read. This function also throws `noInput` for a path outside of the volume.
 */
export function savedOutputs(share: string, { kind, outputs }: AttemptEnd): string[] {
  const folder = join(resolve(share), SHARE.outputs);
  const logs = join(resolve(share), SHARE.logs);
  return (outputs ?? [SHARE.outputs]).flatMap((output) => {
    const path = resolve(share, output);
    const place = placeOnVolume(share, path, kind === "done");
    if (place === "missing") return [];
    // Keeps an unreadable path in the list, because the push of an incomplete attempt reports unreadable paths.
    if (place === "unreadable") return [path];
    // Skips an empty log, because some registries refuse empty blobs. An empty log contains no information.
    if (dirname(path) === logs && statSync(path).size === 0) return [];
    return path === folder ? namesIn(share, folder) : [path];
  });
}

/**
 * Returns the paths in the outputs folder. Each returned path becomes one layer. Returns only the folder itself if it
 * contains more than {@link MAX_OUTPUTS} paths.
 */
function namesIn(share: string, folder: string): string[] {
  const names = reading(folder, () => readdirSync(folder)).filter((name) => !name.startsWith("."));
  // This folder needs no check of its paths, because the push skips links that lead out of a pushed folder.
  if (names.length > MAX_OUTPUTS) return [folder];
  const paths = names.sort().map((name) => join(folder, name));
  // Missing and unreadable paths stay in the list, because the push reports them.
  for (const path of paths) placeOnVolume(share, path, false);
  return paths;
}
