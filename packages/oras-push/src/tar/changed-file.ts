import { ToolError } from "shared/cli/tool-error";
import { type BytePath, shownPath } from "shared/fs/byte-path";

/** Returns the error `noInput` for a file or a folder that another process changed during the push. */
export function changedWhileRead(path: BytePath): ToolError {
  return new ToolError("noInput", `${shownPath(path)} changed while it was read`, {
    hint: "wait until no process writes to the files, then push again",
  });
}
