import type { Stats } from "node:fs";
import { ToolError } from "shared/cli/tool-error";
import { shownPath } from "shared/fs/byte-path";
import type { TreeEntry } from "../tar/walk.ts";

/** The error for content that cannot be mounted as an image. */
export class NotMountableError extends ToolError {
  override readonly name = "NotMountableError";

  constructor(what: string, why: string, hint: string) {
    super("noInput", `cannot make ${what} mountable`, { why, hint: `${hint}, or push without --mountable` });
  }
}

/** The bits for set-user-ID and set-group-ID. If a program in a mount had these bits, it could run as root. */
const SET_ID = 0o6000;

/**
 * The prefix of special names. In an image, an entry with this prefix deletes a file or folder of a lower layer
 * (image-spec, layer.md).
 */
const WHITEOUT = ".wh.";

/**
 * Yields the entries of an archive, and removes the set-user-ID and set-group-ID bits. Throws {@link NotMountableError}
 * if a name starts with {@link WHITEOUT}.
 */
export function* mountableEntries(entries: Iterable<TreeEntry>): Generator<TreeEntry> {
  for (const entry of entries) {
    checkName(entry.name.slice(entry.name.lastIndexOf("/") + 1), shownPath(entry.path));
    yield (entry.stats.mode & SET_ID) === 0 || entry.type === "symlink"
      ? entry
      : { ...entry, stats: withoutSetId(entry.stats) };
  }
}

function checkName(name: string, shown: string): void {
  if (name.startsWith(WHITEOUT))
    throw new NotMountableError(
      shown,
      `in an image, a name that starts with ${WHITEOUT} deletes a file`,
      "rename the file or folder",
    );
}

function withoutSetId(stats: Stats): Stats {
  return Object.assign(Object.create(Object.getPrototypeOf(stats)) as Stats, stats, { mode: stats.mode & ~SET_ID });
}
