import { dirname, posix } from "node:path";
import { type BytePath, realBytePath } from "shared/fs/byte-path";

/**
 * Returns the target that a symbolic link gets in the copy of a folder. `root` is the folder, `link` is the path of the
 * link in this folder, and `target` is the current target of the link. Two kinds of links get a new target if they
 * resolve to an existing path inside `root`: absolute links, and relative links that leave `root` and come back. Their
 * new target is a relative path that stays inside the copy. All other links keep their target.
 */
export function linkTarget(root: BytePath, link: BytePath, target: BytePath): BytePath {
  const [realRoot, folder] = [realPath(root), realPath(dirname(link))];
  if (realRoot === undefined || folder === undefined) return target;
  if (staysInside(realRoot, folder, target)) return target;
  const end = realPath(link);
  return end === undefined || !isInside(end, realRoot) ? target : posix.relative(folder, end) || ".";
}

/**
 * Whether a link stays inside the root on the whole way to its target. Returns false for an absolute link, and for a
 * link that leaves the root and comes back.
 */
function staysInside(root: BytePath, folder: BytePath, target: BytePath): boolean {
  if (target.startsWith("/")) return false;
  const parts = target.split("/");
  return parts.every((_, index) => isInside(posix.join(folder, ...parts.slice(0, index + 1)), root));
}

function isInside(path: BytePath, root: BytePath): boolean {
  return `${path}/`.startsWith(`${root}/`);
}

function realPath(path: BytePath): BytePath | undefined {
  try {
    return realBytePath(path);
  } catch {
    return undefined;
  }
}
