import type { FailureCode } from "../cli/exit-codes.ts";
import { ToolError } from "../cli/tool-error.ts";
import { type BytePath, rawPath, shownPath } from "./byte-path.ts";
import { reasonOf } from "./system-error.ts";

/** The failure `noInput` for a path that cannot be read. `path` may begin with a noun, such as "the marker /x". */
export function cannotRead(path: string, cause: unknown): ToolError {
  return new ToolError("noInput", `cannot read ${path}`, { why: reasonOf(cause), cause });
}

/** The failure for a path that cannot be written. `path` may begin with a noun, as in {@link cannotRead}. */
export function cannotWrite(path: string, cause: unknown, code: FailureCode = "cannotCreate"): ToolError {
  return new ToolError(code, `cannot write ${path}`, { why: reasonOf(cause), cause });
}

/** Calls `read`. Throws the failure of {@link cannotRead} with the path if `read` fails. */
export function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** Calls `write`. Throws the failure of {@link cannotWrite} with the path if `write` fails. */
export function writing<T>(path: string, write: () => T, code?: FailureCode): T {
  try {
    return write();
  } catch (error) {
    throw cannotWrite(path, error, code);
  }
}

/** Creates a folder with `create`. Throws `cannotCreate` with the path if `create` fails. */
export function creatingFolder<T>(path: string, create: () => T): T {
  try {
    return create();
  } catch (error) {
    throw new ToolError("cannotCreate", `cannot create ${path}`, { why: reasonOf(error), cause: error });
  }
}

/** Like {@link reading}, but for a {@link BytePath}: passes the raw path to `read`. */
export function readingRaw<T>(path: BytePath, read: (raw: Buffer) => T): T {
  return reading(shownPath(path), () => read(rawPath(path)));
}

/** Like {@link writing}, but for a {@link BytePath}: passes the raw path to `write`. */
export function writingRaw<T>(path: BytePath, write: (raw: Buffer) => T, code?: FailureCode): T {
  return writing(shownPath(path), () => write(rawPath(path)), code);
}
