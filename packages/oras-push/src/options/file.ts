import { readFileSync } from "node:fs";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf } from "shared/fs/system-error";

/**
 * Reads the file at the path of an option. Returns undefined if the option is not given. Throws `noInput` if the file
 * cannot be read.
 */
export function readOptionFile(path: string): Buffer;
export function readOptionFile(path: string | undefined): Buffer | undefined;
export function readOptionFile(path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    throw new ToolError("noInput", `cannot read ${path}`, { why: reasonOf(error), cause: error });
  }
}
