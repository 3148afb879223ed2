import { lstatSync, readlinkSync, statSync } from "node:fs";
import { type BytePath, rawPath } from "shared/fs/byte-path";

/**
 * How a symbolic link leads to its target. The path in the link is checked against a root folder. `direct`: the path is
 * relative, stays inside the root, and passes through no other link. Every client restores a direct link, even if the
 * target does not exist. `indirect`: the target exists inside the root, but the path is absolute, passes through other
 * links, or leaves the root and comes back. `outside`: the target is outside of the root. `broken`: like `indirect`,
 * but the target does not exist. A link that leads into a loop of links is also `broken`.
 */
export type LinkRoute = "direct" | "indirect" | "outside" | "broken";

/** The maximum number of links that Linux follows for one path (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * Follows a symbolic link, and returns its route. `root` and `link` are absolute paths whose parent folders are not
 * links. `target` is the path in the link.
 */
export function followLink(root: BytePath, link: BytePath, target: BytePath): LinkRoute {
  const followed = resolveLink(root, link, target);
  if (followed === undefined) return "broken";
  if (!isInside(followed.end, root)) return "outside";
  if (followed.direct) return "direct";
  return exists(followed.end) ? "indirect" : "broken";
}

/**
 * The result of following a link. `end` contains the parts of the absolute path that the link leads to. `direct` is
 * true if the route of the link is `direct` (see {@link LinkRoute}).
 */
interface FollowedLink {
  readonly end: readonly string[];
  readonly direct: boolean;
}

/** Resolves a link part by part, as the kernel does. Returns undefined after more than {@link MAX_LINKS} links. */
function resolveLink(root: BytePath, link: BytePath, target: BytePath): FollowedLink | undefined {
  let direct = !target.startsWith("/");
  let current = direct ? partsOf(link).slice(0, -1) : [];
  const pending = partsOf(target);
  for (let links = 0; pending.length > 0; ) {
    const part = pending.shift() as string;
    const path = part === ".." ? current.slice(0, -1) : [...current, part];
    const next = part === ".." ? undefined : linkAt(path);
    // A route that leaves the root is not direct, even if it returns to the root.
    if (next !== undefined || !isInside(path, root)) direct = false;
    if (next === undefined) current = path;
    else {
      if (++links > MAX_LINKS) return undefined;
      if (next.startsWith("/")) current = [];
      pending.unshift(...partsOf(next));
    }
  }
  return { end: current, direct };
}

/** The parts of a path, without `.` and empty parts. */
function partsOf(path: BytePath): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function isInside(parts: readonly string[], root: BytePath): boolean {
  return `/${parts.join("/")}/`.startsWith(`${root}/`);
}

function linkAt(parts: readonly string[]): BytePath | undefined {
  try {
    const path = rawPath(`/${parts.join("/")}`);
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path, { encoding: "latin1" }) : undefined;
  } catch {
    return undefined;
  }
}

function exists(parts: readonly string[]): boolean {
  return statSync(rawPath(`/${parts.join("/")}`), { throwIfNoEntry: false }) !== undefined;
}
