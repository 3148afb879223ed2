import { type Dirent, opendirSync, readdirSync } from "node:fs";
import { join, matchesGlob, resolve, sep } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { type BytePath, type RawPath, rawPath, shownPath, toBytePath } from "shared/fs/byte-path";
import { cannotRead } from "shared/fs/path-failure";
import type { FailureReport } from "shared/fs/read-access";
import { systemCode } from "shared/fs/system-error";
import { fixedFolder, mayBePattern } from "./pattern.ts";

/**
 * Node's glob functions treat two kinds of folders as empty: unreadable folders, and folders whose path is not UTF-8.
 * This function reports each unreadable folder that could contain matches of the pattern. It also reports each match in
 * a folder whose path is not UTF-8.
 */
export function reportUnreadableFolders(pattern: string, report: FailureReport): void {
  const folder = fixedFolder(pattern);
  const parts = resolve(pattern)
    .slice(folder.length)
    .split(sep)
    .filter((part) => part !== "");
  search(toBytePath(folder), patternParts(parts), report);
}

/**
 * Returns the parts that {@link search} uses for a pattern. If braces contain a slash, the alternatives in these braces
 * can have different depths. In this case, replaces the braces and all later parts with `**`. The part `**` stands for
 * folders at any depth.
 */
function patternParts(parts: readonly string[]): readonly string[] {
  const unbalanced = parts.findIndex((part) => part.split("{").length !== part.split("}").length);
  return unbalanced < 0 ? parts : [...parts.slice(0, unbalanced), "**"];
}

function search(folder: BytePath, [part, ...rest]: readonly string[], report: FailureReport): void {
  if (part === undefined) return;
  if (part === "**") {
    for (const name of foldersIn(folder, report))
      if (!name.startsWith(".")) search(join(folder, name), [part, ...rest], report);
    search(folder, rest, report);
  } else if (rest.length === 0) checkMatches(folder, part, report);
  else if (mayBePattern(part)) {
    for (const name of foldersIn(folder, report)) if (matchesPart(name, part)) search(join(folder, name), rest, report);
  } else search(join(folder, toBytePath(part)), rest, report);
}

/**
 * Reports the folder if it cannot be read. If the path of the folder is not UTF-8, also reports each match in the
 * folder, because Node's glob functions do not find these matches.
 */
function checkMatches(folder: BytePath, part: string, report: FailureReport): void {
  if (toBytePath(shownPath(folder)) === folder) {
    readable(folder, report, (raw) => opendirSync(raw).closeSync());
    return;
  }
  for (const { name } of entriesIn(folder, report)) {
    const path = shownPath(join(folder, name));
    if (matchesPart(name, part)) report(path, nameIsNotText(path));
  }
}

function matchesPart(name: BytePath, part: string): boolean {
  return (!name.startsWith(".") || part.startsWith(".")) && matchesGlob(shownPath(name), part);
}

/** Returns the names of the folders in a folder. Skips links to folders, because a pattern does not follow links. */
function foldersIn(folder: BytePath, report: FailureReport): BytePath[] {
  return entriesIn(folder, report)
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

function entriesIn(folder: BytePath, report: FailureReport): readonly Dirent[] {
  return readable(folder, report, (raw) => readdirSync(raw, { withFileTypes: true, encoding: "latin1" })) ?? [];
}

/**
 * Calls `read` for a folder. Reports a folder that cannot be read. Does not report a missing folder, or a path that is
 * not a folder, because such a path contains no matches.
 */
function readable<T>(folder: BytePath, report: FailureReport, read: (raw: RawPath) => T): T | undefined {
  try {
    return read(rawPath(folder));
  } catch (error) {
    const code = systemCode(error);
    const path = shownPath(folder);
    if (code !== "ENOENT" && code !== "ENOTDIR") report(path, cannotRead(path, error));
    return undefined;
  }
}

/**
 * Returns the failure for a path whose name is not UTF-8. The name would become the title of a layer, and a title is
 * text.
 */
export function nameIsNotText(path: string): ToolError {
  return new ToolError("noInput", `cannot read ${path}`, { why: "its name is not UTF-8 text" });
}
