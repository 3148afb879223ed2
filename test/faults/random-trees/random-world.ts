/** Random trees: their shape, names, owners and modes. */
import { posix } from "node:path";
import { type BytePath, toBytePath } from "shared/fs/byte-path";
import type { Dice } from "../../support/dice.ts";
import {
  type Attributes,
  type FileNode,
  type FolderNode,
  joinPath,
  type LinkNode,
  type Node,
  partsOf,
  type World,
} from "./world.ts";

const NAMES: readonly BytePath[] = [
  ..."a b c a1 b2 sub x y.dat z.dat x.dat long.tar.gz .hidden .dot.dat -dash a:b ~ # %41 $HOME it's".split(" "),
  "with space",
  " lead",
  "new\nline.dat",
  "tab\tand\rreturn",
  "back\\slash",
  'quote"quote',
  "star*",
  "q?.dat",
  "[ab]",
  "{a,b}",
  "**",
  ".new-0123456789ab",
  "oras-operator-done.txt",
  "outputs",
  ...["größe", "日本.dat", "e\u0301", "\u{1f600}", "\u2028line", `${"l".repeat(251)}.dat`].map(toBytePath),
  // These two are not UTF-8.
  "caf\xe9.dat",
  "\xff\xfe",
];

const FILE_MODES = [0o644, 0o644, 0o644, 0o755, 0o600, 0o400, 0o444, 0o700, 0o2755, 0o4711, 0o040, 0o604, 0];
const FOLDER_MODES = [0o755, 0o755, 0o755, 0o755, 0o700, 0o555, 0o2755, 0o711, 0o744, 0o500, 0];
const OWNERS = [1000, 1000, 1000, 1000, 1000, 0, 2000];
/** In some trees, the launcher can read all files and folders. Such a tree uses only these owners and modes. */
const TAME = {
  owners: [1000, 1000, 1000, 0, 2000],
  fileModes: [0o644, 0o755, 0o2755, 0o444],
  folderModes: [0o755, 0o555],
};

/**
 * A folder with so many files that the launcher does not save them one by one: its name, and the number of its files.
 */
export const MANY = "many";
const MANY_FILES = 1005;

const MAX_DEPTH = 4;
const MAX_NODES = 60;

/** Makes the random files of a pod, in memory. */
export function randomWorld(pod: string, dice: Dice): World {
  const onVolume = dice.chance(0.5);
  const maker = new Maker(dice, dice.chance(0.45));
  const tree = maker.folder(0, "");
  if (dice.chance(0.03)) tree.children.set(MANY, maker.many());
  const file = maker.file();
  const elsewhere = folderOf(0, 0o755, [
    ["file", { ...file, uid: 0, gid: 0, mode: 0o644 }],
    ["closed", { ...file, uid: 0, gid: 0, mode: 0o600 }],
    ["folder", folderOf(2000, 0o755, [["x.dat", { ...file, uid: 0, gid: 0, mode: 0o644 }]])],
    ["back", { kind: "link", target: `../${onVolume ? "share/work" : "work"}` }],
  ]);
  const share = folderOf(0, 0o777, onVolume ? [["work", tree]] : []);
  const root = folderOf(0, 0o777, [
    ["share", share],
    ["elsewhere", elsewhere],
    ...(onVolume ? [] : ([["work", tree]] as const)),
  ]);
  const world = { pod, root, tree: onVolume ? "share/work" : "work" };
  maker.aimLinks(world);
  return world;
}

function folderOf(uid: number, mode: number, children: readonly (readonly [BytePath, Node])[]): FolderNode {
  return { kind: "folder", uid, gid: uid, mode, time: 1e9, children: new Map(children) };
}

class Maker {
  readonly #dice: Dice;
  readonly #tame: boolean;
  readonly #files: FileNode[] = [];
  readonly #links: { readonly node: LinkNode; readonly path: BytePath }[] = [];
  /** All paths below the tree. */
  readonly #paths: BytePath[] = [];

  constructor(dice: Dice, tame: boolean) {
    this.#dice = dice;
    this.#tame = tame;
  }

  folder(depth: number, path: BytePath): FolderNode {
    const { below, pick } = this.#dice;
    const modes = this.#tame || depth === 0 ? TAME.folderModes : FOLDER_MODES;
    const folder: FolderNode = { kind: "folder", ...this.#attributes(modes), children: new Map() };
    const count = depth === 0 ? 2 + below(8) : below(6);
    for (let index = 0; index < count && this.#paths.length < MAX_NODES; index++) {
      const name = pick(NAMES);
      if (folder.children.has(name)) continue;
      const child = joinPath(path, name);
      this.#paths.push(child);
      folder.children.set(name, this.#node(depth + 1, child));
    }
    return folder;
  }

  #node(depth: number, path: BytePath): Node {
    const { below, pick } = this.#dice;
    const kind = below(100);
    if (kind < 28 && depth < MAX_DEPTH) return this.folder(depth, path);
    if (kind < 45) {
      const node: LinkNode = { kind: "link", target: "." };
      this.#links.push({ node, path });
      return node;
    }
    if (kind < 50) return { kind: pick(["FIFO", "socket"]) };
    if (kind < 57 && this.#files.length > 0) return pick(this.#files);
    return this.file();
  }

  file(): FileNode {
    const { below, chance } = this.#dice;
    const hole = chance(0.05) ? below(3 << 20) : 0;
    const size = hole + below(chance(0.1) ? 200_000 : chance(0.5) ? 5000 : 20);
    const modes = this.#tame ? TAME.fileModes : FILE_MODES;
    const file: FileNode = { kind: "file", ...this.#attributes(modes), size, hole, seed: below(1e9) };
    this.#files.push(file);
    return file;
  }

  /** A folder with many small files. Some of these files are in a subfolder. */
  many(): FolderNode {
    const file = (index: number): FileNode => ({
      ...{ kind: "file", uid: 1000, gid: 1000, mode: this.#dice.pick(TAME.fileModes), time: 1e9 + index },
      ...{ size: index % 3, hole: 0, seed: index },
    });
    const files = Array.from({ length: MANY_FILES }, (_, index) => [`${index}.dat`, file(index)] as const);
    const below = folderOf(1000, 0o755, files.slice(0, 3));
    return folderOf(1000, 0o755, [...files.slice(3), ["below", folderOf(1000, 0o700, [["deep", below]])]]);
  }

  #attributes(modes: readonly number[]): Attributes {
    const { below, pick } = this.#dice;
    const uid = pick(this.#tame ? TAME.owners : OWNERS);
    return { uid, gid: uid, mode: pick(modes), time: 1e9 + below(5e8) };
  }

  /** Gives each link a random target inside or outside of the tree. */
  aimLinks({ pod, tree }: World): void {
    for (const { node, path } of this.#links) {
      const aim = this.#dice.pick(this.#dice.chance(0.6) ? INSIDE : ANYWHERE);
      const end = this.#paths.length === 0 ? "none" : this.#dice.pick(this.#paths);
      node.target = aim({ pod: toBytePath(pod), tree, path, end });
    }
  }
}

/** The values from which a link gets its target. `path` is the path of the link. `end` is a random path in the tree. */
interface Aim {
  readonly pod: BytePath;
  readonly tree: BytePath;
  readonly path: BytePath;
  readonly end: BytePath;
}

const relative = (from: BytePath, to: BytePath) => posix.relative(`/${posix.dirname(from)}`, `/${to}`) || ".";

const INSIDE: readonly ((aim: Aim) => BytePath)[] = [
  ({ path, end }) => relative(path, end),
  ({ path, end }) => `./${relative(path, end)}`,
  ({ pod, tree, end }) => `${pod}/${tree}/${end}`,
  // This target leads out of the tree and back into it.
  ({ tree, path, end }) => `${"../".repeat(partsOf(path).length)}${posix.basename(tree)}/${end}`,
];

const ANYWHERE: readonly ((aim: Aim) => BytePath)[] = [
  () => "no/where",
  () => "/no/where",
  ({ pod, tree }) => `${pod}/${tree}/no/where`,
  ({ path }) => posix.basename(path),
  () => ".",
  // In the top folder of the tree, a link to `..` leads to the volume, or to the pod's folder, which contains the
  // volume. If such a link were an output, the launcher would save the whole volume.
  ({ path }) => (partsOf(path).length > 1 ? ".." : "./."),
  ({ pod, tree }) => `${pod}/${tree}`,
  ({ pod }) => `${pod}/elsewhere/file`,
  ({ pod }) => `${pod}/elsewhere/closed`,
  ({ pod }) => `${pod}/elsewhere/folder`,
  ({ tree, path }) => `${relative(`${tree}/${path}`, "elsewhere/file")}`,
  ({ pod, end }) => `${pod}/elsewhere/back/${end}`,
  ({ path, end }) => `${relative(path, end)}/x`,
];
