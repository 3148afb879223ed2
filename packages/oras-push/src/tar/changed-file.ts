import { ToolError } from "shared/cli/tool-error";
import { type BytePath, shownPath } from "shared/fs/byte-path";

/** The failure `noInput` for a file or a folder that another process changed after it was found. */
export function changedWhileRead(path: BytePath): ToolError {
  return new ToolError("noInput", `${shownPath(path)} changed while it was read`, {
    hint: "push files that no process writes to",
  });
}
