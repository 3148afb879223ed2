import { readFileSync } from "node:fs";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf } from "shared/fs/system-error";

/** The content of a file that an option names; undefined where it names none. Throws `noInput`, naming the file. */
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
