import type { FailureCode } from "../cli/exit-codes.ts";
import { ToolError } from "../cli/tool-error.ts";
import { type BytePath, type RawPath, rawPath, shownPath } from "./byte-path.ts";
import { reasonOf } from "./system-error.ts";

/**
 * Returns the failure `noInput` for a path that cannot be read. `path` may also contain words before the path, such as
 * "the marker /x". The message contains these words.
 */
export function cannotRead(path: string, cause: unknown): ToolError {
  return new ToolError("noInput", `cannot read ${path}`, { why: reasonOf(cause), cause });
}

/**
 * Returns the failure for a path that cannot be written. `path` may also contain words before the path, such as "the
 * marker /x".
 */
export function cannotWrite(path: string, cause: unknown, code: FailureCode = "cannotCreate"): ToolError {
  return new ToolError(code, `cannot write ${path}`, { why: reasonOf(cause), cause });
}

/** Calls `read`, and returns the result. Throws the failure of {@link cannotRead} if `read` fails. */
export function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** Calls `write`, and returns the result. Throws the failure of {@link cannotWrite} if `write` fails. */
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

/** Does the same as {@link reading}, but `path` is a {@link BytePath}, and `read` receives the raw path. */
export function readingRaw<T>(path: BytePath, read: (raw: RawPath) => T): T {
  try {
    return read(rawPath(path));
  } catch (error) {
    throw cannotRead(shownPath(path), error);
  }
}

/** Does the same as {@link writing}, but `path` is a {@link BytePath}, and `write` receives the raw path. */
export function writingRaw<T>(path: BytePath, write: (raw: RawPath) => T, code?: FailureCode): T {
  try {
    return write(rawPath(path));
  } catch (error) {
    throw cannotWrite(shownPath(path), error, code);
  }
}
