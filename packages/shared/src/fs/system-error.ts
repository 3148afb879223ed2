import { oneLine } from "../cli/tool-error.ts";

/** Returns the code of an error, such as `ENOENT`. Returns undefined if the error has no code. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === "string" ? code : undefined;
}

/** True if a failed system call caused the error. */
export function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
}

const PLAIN_WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "disk quota exceeded",
  EEXIST: "it exists already",
  EFBIG: "the file is too large",
  EISDIR: "it is a directory",
  ELOOP: "too many symbolic links, or a loop of links",
  EMFILE: "too many open files",
  ENAMETOOLONG: "the name is too long",
  ENFILE: "too many open files on this machine",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left on device",
  ENOTDIR: "a part of the path is not a directory",
  EPERM: "operation not permitted",
  EROFS: "read-only file system",
  ERR_FS_EISDIR: "it is a directory",
};

/**
 * Returns the reason of an error in a few words, on one line. Node's own messages also contain paths and the names of
 * system calls. For common errors, this function returns plain words instead.
 */
export function reasonOf(error: unknown): string {
  const code = systemCode(error);
  if (code !== undefined && PLAIN_WORDS[code] !== undefined) return PLAIN_WORDS[code];
  return oneLine(error instanceof Error ? error.message || error.name : String(error));
}
