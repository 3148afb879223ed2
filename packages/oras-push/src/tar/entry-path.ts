/** Why an entry of an archive, or a layer's title, is refused. */
export class UnsafePathError extends Error {
  override readonly name = "UnsafePathError";
}

/**
 * The parts of a relative path that stays where it is put: no empty name, no `..`, no NUL, not absolute. `.` and doubled
 * slashes are dropped. Throws {@link UnsafePathError}.
 */
export function safeParts(path: string): string[] {
  if (path.startsWith("/")) throw new UnsafePathError("an absolute path");
  if (path.includes("\0")) throw new UnsafePathError("a path with a NUL");
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new UnsafePathError("a path that leads out of the folder");
  return parts;
}

/**
 * Checks that a symbolic link at `parts` stays inside the folder that the first `depth` of them name: a relative target
 * that does not climb above that. Throws {@link UnsafePathError}.
 */
export function checkLinkTarget(parts: readonly string[], target: string, depth: number): void {
  if (target.includes("\0")) throw new UnsafePathError("a link to a path with a NUL");
  if (target.startsWith("/")) throw new UnsafePathError(`a link to the absolute path ${target}`);
  let height = parts.length - 1;
  for (const part of target.split("/")) {
    if (part === "" || part === ".") continue;
    height += part === ".." ? -1 : 1;
    if (height < depth) throw new UnsafePathError(`a link out of the folder, to ${target}`);
  }
}
