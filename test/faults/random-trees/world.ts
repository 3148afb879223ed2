/** The files of a pod in memory. The random trees and their checks share this model. */
import { type BytePath, toBytePath } from "shared/fs/byte-path";
import { noise } from "../../support/noise.ts";

/** Owner, mode and time of a file or folder. */
export interface Attributes {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  /** The modification time, in seconds since 1970. */
  readonly time: number;
}

/** A regular file. A file with several hard links is one node with several names. */
export interface FileNode extends Attributes {
  readonly kind: "file";
  readonly size: number;
  /** The size of the hole at the beginning, in bytes. */
  readonly hole: number;
  readonly seed: number;
}

export interface FolderNode extends Attributes {
  readonly kind: "folder";
  readonly children: Map<BytePath, Node>;
}

export interface LinkNode {
  readonly kind: "link";
  target: BytePath;
}

export interface SpecialNode {
  readonly kind: "FIFO" | "socket";
}

export type Node = FileNode | FolderNode | LinkNode | SpecialNode;

/** The pod's folder. It contains the shared volume `share`, the tree, and the folder `elsewhere`. */
export interface World {
  /** The absolute path of the pod's folder. */
  readonly pod: string;
  readonly root: FolderNode;
  /** The path of the random tree, relative to the pod's folder: `work` or `share/work`. */
  readonly tree: BytePath;
}

/** The user of the launcher. */
export const LAUNCHER = { uid: 1000, gid: 1000 } as const;
/** The user of the sidecar. */
export const SIDECAR = { uid: 65532, gid: 65532 } as const;

/** The content of a file. */
export function contentOf({ size, hole, seed }: FileNode): Buffer {
  return Buffer.concat([Buffer.alloc(hole), noise(size - hole, seed)]);
}

/** The permission bits of one class of users (owner, group or others): read, and search. */
export const READ = 4;
export const SEARCH = 1;

/** Whether a user has a permission for a file or folder. */
export type Reader = (node: FileNode | FolderNode, bit: typeof READ | typeof SEARCH) => boolean;

/** The launcher with the modes on disk. */
export const launcherReader: Reader = (node, bit) => allows(node, node.mode, bit);

/** The launcher after it has granted every user read access to all files and folders that it owns. */
export const grantingReader: Reader = (node, bit) =>
  allows(node, node.uid === LAUNCHER.uid ? node.mode | grantOf(node) : node.mode, bit);

/** The mode bits that the launcher adds to its outputs. */
export function grantOf(node: FileNode | FolderNode): number {
  return node.kind === "folder" ? 0o555 : 0o444;
}

function allows({ uid, gid }: Attributes, mode: number, bit: number): boolean {
  const shift = uid === LAUNCHER.uid ? 6 : gid === LAUNCHER.gid ? 3 : 0;
  return ((mode >> shift) & bit) !== 0;
}

/** A found node, and its path relative to the pod's folder. This path leads through no links. */
export interface Found {
  readonly node: Node;
  readonly path: BytePath;
}

/** The error code of a path that cannot be followed. */
export type LookupFailure = "ENOENT" | "EACCES" | "ELOOP" | "ENOTDIR";

/** How to look up a path. */
export interface LookupOptions {
  /**
   * Decides whether a user has permission to look up names in a folder. By default, the user has this permission for
   * all folders, as root does.
   */
  readonly reader?: Reader;
  /** Whether to follow a link at the end of the path. The default is true. */
  readonly follow?: boolean;
}

/** Linux follows at most this many links for one path (path_resolution(7)). */
const MAX_LINKS = 40;

/** Follows a path from the pod's folder, as the kernel does. */
export function lookUp(world: World, path: BytePath, options: LookupOptions = {}): Found | LookupFailure {
  const { reader = () => true, follow = true } = options;
  let above: Found[] = [{ node: world.root, path: "" }];
  const pending = partsOf(path);
  for (let links = 0; pending.length > 0; ) {
    const { node: folder, path: place } = above.at(-1) as Found;
    if (folder.kind !== "folder") return "ENOTDIR";
    if (!reader(folder, SEARCH)) return "EACCES";
    const part = pending.shift() as BytePath;
    if (part === "..") {
      if (above.length === 1) return "ENOENT";
      above.pop();
      continue;
    }
    const node = folder.children.get(part);
    if (node === undefined) return "ENOENT";
    if (node.kind !== "link" || (pending.length === 0 && !follow)) {
      above.push({ node, path: joinPath(place, part) });
      continue;
    }
    if (++links > MAX_LINKS) return "ELOOP";
    const target = fromPod(world, node.target);
    if (target === undefined) return "ENOENT";
    if (node.target.startsWith("/")) above = above.slice(0, 1);
    pending.unshift(...partsOf(target));
  }
  return above.at(-1) as Found;
}

/**
 * Returns a link's target. Makes an absolute target relative to the pod's folder. Returns undefined if an absolute
 * target leads out of the pod's folder.
 */
function fromPod({ pod }: World, target: BytePath): BytePath | undefined {
  if (!target.startsWith("/")) return target;
  const folder = toBytePath(pod);
  return target === folder || target.startsWith(`${folder}/`) ? target.slice(folder.length + 1) : undefined;
}

/** The parts of a path, without `.` and empty parts. */
export function partsOf(path: BytePath): BytePath[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** Joins two paths. Each of them may be empty. */
export function joinPath(folder: BytePath, path: BytePath): BytePath {
  return folder === "" || path === "" ? `${folder}${path}` : `${folder}/${path}`;
}

/** Whether `path` is `folder` or a path below `folder`. Both paths must be free of links. */
export function isWithin(path: BytePath, folder: BytePath): boolean {
  return folder === "" || path === folder || path.startsWith(`${folder}/`);
}
