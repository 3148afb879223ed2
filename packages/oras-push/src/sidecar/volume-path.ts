import { realpathSync } from "node:fs";
import { sep } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { reading } from "shared/fs/path-failure";
import { systemCode } from "shared/fs/system-error";

/**
 * Returns whether a path is on the volume, missing or unreadable. Throws `noInput` if a required path is missing or
 * unreadable. Also throws `noInput` if the path leads out of the volume, for example through a link. So an application
 * cannot make the sidecar push files of the sidecar's own container, such as credentials.
 */
export function placeOnVolume(share: string, path: string, required: boolean): "volume" | "missing" | "unreadable" {
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
    throw new ToolError("noInput", `${path} is outside the shared volume`);
  return "volume";
}
