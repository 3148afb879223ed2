/**
 * The error for an unsafe path in an archive, or for an unsafe title of a layer. The message is a noun phrase, such as
 * "an absolute path".
 */
export class UnsafePathError extends Error {
  override readonly name = "UnsafePathError";
}

/**
 * Splits a relative path into its parts. Omits empty parts and the part `.`. Throws {@link UnsafePathError} if the path
 * is absolute, contains `..` or contains a NUL byte.
 */
export function safeParts(path: string): string[] {
  if (path.startsWith("/")) throw new UnsafePathError("an absolute path");
  if (path.includes("\0")) throw new UnsafePathError("a path with a NUL byte");
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new UnsafePathError("a path that leads out of the folder");
  return parts;
}

/**
 * Checks that the target of a symbolic link stays inside a folder. `parts` contains the parts of the link's path. The
 * first `depth` parts are the path of the folder. Throws {@link UnsafePathError} if the target is absolute, or leads
 * out of the folder.
 */
export function checkLinkTarget(parts: readonly string[], target: string, depth: number): void {
  if (target.includes("\0")) throw new UnsafePathError("a link to a path with a NUL byte");
  if (target.startsWith("/")) throw new UnsafePathError(`a link to the absolute path ${target}`);
  let height = parts.length - 1;
  for (const part of target.split("/")) {
    if (part === "" || part === ".") continue;
    height += part === ".." ? -1 : 1;
    if (height < depth) throw new UnsafePathError(`a link out of the folder, to ${target}`);
  }
}
