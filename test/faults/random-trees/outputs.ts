/** Chooses random outputs of a launcher (paths and patterns), and finds the matches of patterns. */
import { join } from "node:path";
import { type BytePath, shownPath, toBytePath } from "shared/fs/byte-path";
import type { Dice } from "../../support/dice.ts";
import { MANY } from "./random-world.ts";
import { type FolderNode, joinPath, launcherReader, lookUp, READ, type World } from "./world.ts";

/** An output of the command line. */
export interface Output {
  /** The argument. */
  readonly text: string;
  /** The path, relative to the pod's folder. For a pattern, this is the folder before the first pattern character. */
  readonly path: BytePath;
  /** The rest of the pattern after {@link path}, split at slashes. Undefined if the output is a path. */
  readonly pattern?: readonly string[];
}

/** A pattern that is longer than the longest permitted file name. */
const LONG = `{${"l".repeat(251)},[ab]*}`;

/** Maps each part of the patterns except `**` to a regular expression that matches the same names as the part. */
const PARTS: Readonly<Record<string, RegExp>> = {
  "*": /^[^.]/s,
  ".*": /^\./s,
  "*.dat": /^[^.].*\.dat$|^\.dat$/s,
  "{a,b}*": /^[ab]/s,
  "[ab]*": /^[ab]/s,
  [LONG]: /^[ab]|^l{251}$/s,
  "*.{dat,tar.gz}": /^[^.].*\.(dat|tar\.gz)$/s,
};

const PATTERNS: readonly (readonly string[])[] = [
  ["*"],
  ["*"],
  [".*"],
  ["**", "*.dat"],
  ["**", "*.dat"],
  ["{a,b}*"],
  ["[ab]*"],
  ["*", "*"],
  ["*.{dat,tar.gz}"],
  ["**", "[ab]*"],
  ["*", "*.dat"],
  [LONG],
];

/** Chooses between one and four outputs. */
export function randomOutputs(world: World, dice: Dice): Output[] {
  const many = joinPath(world.tree, MANY);
  if (typeof lookUp(world, many) !== "string") {
    const pattern = dice.pick([["**", "*.dat"], ["*"]]);
    return [{ text: `${many}/${pattern.join("/")}`, path: many, pattern }];
  }
  const all = pathsBelow(world);
  // If a path contains pattern characters and the launcher does not find this path, the launcher treats the path as a
  // pattern. So `isPath` returns false for such a path.
  const isPath = (path: BytePath) =>
    !/[*?[{]/.test(path) || typeof lookUp(world, path, { reader: launcherReader }) !== "string";
  const plain = all.filter((path) => isText(path) && path.length < 3000 && isPath(path));
  // In a pattern, a backslash escapes the next character.
  const folders = plain.filter((path) => !/[*?[{\\]/.test(path) && kindOf(world, path) === "folder");
  const random = (): Output => {
    const form = (text: string) => (dice.chance(0.3) ? join(world.pod, text) : dice.chance(0.2) ? `./${text}` : text);
    const kind = dice.below(10);
    if (kind < 4) {
      const pattern = dice.pick(PATTERNS);
      const path = dice.chance(0.5) ? world.tree : dice.pick(folders);
      return { text: form(`${shownPath(path)}/${pattern.join("/")}`), path, pattern };
    }
    const missing = dice.pick([`${world.tree}/none`, `${world.tree}/a/none`, "none"]);
    const path = kind === 4 ? missing : kind < 7 ? world.tree : dice.pick(plain);
    return { text: form(shownPath(path)), path };
  };
  const outputs = Array.from({ length: 1 + dice.below(4) }, random);
  if (dice.chance(0.2)) return outputs;
  // The launcher refuses a command line in which two paths end in the same name. So this function usually keeps only
  // the first of such paths.
  const names = outputs.map(({ path }) => path.slice(path.lastIndexOf("/") + 1));
  return outputs.filter(
    ({ pattern }, index) => pattern !== undefined || names.indexOf(names[index] as string) === index,
  );
}

/** The matches of a pattern, and the folders that the launcher cannot search for matches. */
export interface Matches {
  readonly paths: readonly BytePath[];
  /** Folders that the launcher cannot read. */
  readonly unreadable: readonly BytePath[];
}

/**
 * Finds the paths that match a pattern. The search uses the permissions of the launcher's user. It follows no links
 * below the pattern's folder.
 */
export function matchesOf(world: World, { path, pattern = [] }: Output): Matches {
  const found = { paths: new Set<BytePath>(), unreadable: new Set<BytePath>() };
  const search = (place: BytePath, [part = "", ...rest]: readonly string[]): void => {
    const folder = lookUp(world, place, { reader: launcherReader });
    if (folder === "EACCES" || folder === "ELOOP") found.unreadable.add(place);
    if (typeof folder === "string" || folder.node.kind !== "folder") return;
    if (!launcherReader(folder.node, READ)) {
      found.unreadable.add(place);
      return;
    }
    if (part === "**") return searchAll(folder.node, place, rest);
    for (const [name, node] of folder.node.children) {
      if (!PARTS[part]?.test(shownPath(name))) continue;
      if (rest.length === 0) found.paths.add(joinPath(place, name));
      else if (node.kind === "folder") search(joinPath(place, name), rest);
    }
  };
  /** The part `**` stands for any number of folders, but not for folders whose name has a leading dot. */
  const searchAll = (folder: FolderNode, place: BytePath, rest: readonly string[]): void => {
    search(place, rest);
    for (const [name, node] of folder.children)
      if (node.kind === "folder" && !name.startsWith(".")) search(joinPath(place, name), ["**", ...rest]);
  };
  search(path, pattern);
  // The launcher sorts the matches by their text.
  const paths = [...found.paths].sort((a, b) => (shownPath(a) < shownPath(b) ? -1 : 1));
  return { paths, unreadable: [...found.unreadable] };
}

/** Whether the bytes of a path are UTF-8. */
export function isText(path: BytePath): boolean {
  return toBytePath(shownPath(path)) === path;
}

function kindOf(world: World, path: BytePath): string | undefined {
  const found = lookUp(world, path, { follow: false });
  return typeof found === "string" ? undefined : found.node.kind;
}

function pathsBelow(world: World): BytePath[] {
  const list = (path: BytePath): BytePath[] => {
    const found = lookUp(world, path, { follow: false });
    if (typeof found === "string" || found.node.kind !== "folder") return [path];
    return [path, ...[...found.node.children.keys()].flatMap((name) => list(joinPath(path, name)))];
  };
  return list(world.tree);
}
