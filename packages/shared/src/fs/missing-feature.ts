import { systemCode } from "./system-error.ts";

const CODES: ReadonlySet<string | undefined> = new Set(["EMLINK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EPERM", "EXDEV"]);

/**
 * Whether an error can mean that a file system does not support modes, times or links. FUSE and FAT volumes report this
 * with EPERM. But EPERM can also mean that the file belongs to another user.
 */
function isMissingFeature(error: unknown): boolean {
  return CODES.has(systemCode(error));
}

/** Calls `change`. Returns false if the file system does not support the change. Throws any other error. */
export function ifSupported(change: () => void): boolean {
  try {
    change();
    return true;
  } catch (error) {
    if (!isMissingFeature(error)) throw error;
    return false;
  }
}
