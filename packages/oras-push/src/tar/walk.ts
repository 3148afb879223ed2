import { lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { type BytePath, shownPath, toBytePath } from "shared/fs/byte-path";
import { readingRaw } from "shared/fs/path-failure";
import { specialFileKind } from "shared/fs/special-file";
import { changedWhileRead } from "./changed-file.ts";
import { followLink } from "./link.ts";
import type { Selection } from "./selection.ts";

/** One entry of a folder's archive. */
export interface TreeEntry {
  /** The path on disk. */
  readonly path: BytePath;
  /** The name in the archive: the folder's title, then the path below the folder, without a trailing slash. */
  readonly name: BytePath;
  readonly type: "file" | "directory" | "symlink";
  readonly stats: Stats;
  /** The text of a symbolic link. */
  readonly target?: BytePath;
}

/** Receives a line for each file that is skipped, or stored as a different kind of file, with the reason. */
export type WalkReport = (message: string) => void;

const EVERYTHING: Selection = { takes: () => true, excludes: () => false };

/**
 * Yields the entries of a folder in the order of the archive: the folder first, then each name in the order of its
 * bytes, a folder before its content. The folder may be a symbolic link.
 *
 * Only a direct link ({@link followLink}) stays a link: `oras pull` refuses a whole artifact because of any other link.
 * An indirect link becomes a copy of its target. Skips links out of the folder, broken links, sockets, FIFOs and
 * devices. Reports each skipped file and each copied link. `wanted` selects entries; all by default. Entries that are
 * not selected are neither read nor reported, except the folders on the path to a selected entry.
 *
 * Throws `noInput` with the path if a path cannot be read, or if names appear in a folder or disappear during the walk.
 */
export function* walk(
  folder: string,
  title: string,
  report: WalkReport,
  wanted: Selection = EVERYTHING,
): Generator<TreeEntry> {
  const root = realPath(toBytePath(folder));
  const stats = readingRaw(root, (raw) => statSync(raw));
  const tree = new Walk(root, toBytePath(title), report, wanted);
  yield* tree.folder(root, toBytePath(title), stats, []);
  if (tree.hardLinks > 0) report(`${shownPath(root)}: stored ${tree.hardLinks} hard links as separate files`);
}

/** The walk through one folder. In its methods, `parents` holds the identities of the folders above an entry. */
class Walk {
  /** The number of files so far that have more than one hard link. */
  hardLinks = 0;
  readonly #root: BytePath;
  readonly #title: BytePath;
  readonly #report: WalkReport;
  readonly #wanted: Selection;

  constructor(root: BytePath, title: BytePath, report: WalkReport, wanted: Selection) {
    this.#root = root;
    this.#title = title;
    this.#report = report;
    this.#wanted = wanted;
  }

  *folder(path: BytePath, name: BytePath, stats: Stats, parents: readonly string[]): Generator<TreeEntry> {
    const entry: TreeEntry = { path, name, type: "directory", stats };
    const children = this.#children(path, name, stats, parents);
    if (parents.length === 0 || this.#takes(name)) {
      yield entry;
      yield* children;
      return;
    }
    // A folder that is not selected itself is an entry only if it contains a selected one.
    const first = children.next();
    if (first.done === true) return;
    yield entry;
    yield first.value;
    yield* children;
  }

  *#children(path: BytePath, name: BytePath, stats: Stats, parents: readonly string[]): Generator<TreeEntry> {
    const above = [...parents, identityOf(stats)];
    const names = readingRaw(path, (raw) => readdirSync(raw, { encoding: "latin1" }));
    for (const child of names.sort()) {
      const childName = `${name}/${child}`;
      if (this.#wanted.excludes(this.#below(childName))) continue;
      const childPath = `${path}/${child}`;
      yield* this.#entry(childPath, childName, statsOf(childPath), above);
    }
    const now = statsOf(path);
    if (now.ino !== stats.ino || now.mtimeMs !== stats.mtimeMs) throw changedWhileRead(path);
  }

  *#entry(path: BytePath, name: BytePath, stats: Stats, parents: readonly string[]): Generator<TreeEntry> {
    if (stats.isDirectory()) {
      if (parents.includes(identityOf(stats))) this.#skip(path, "a link inside it leads back to it");
      else yield* this.folder(path, name, stats, parents);
    } else if (stats.isSymbolicLink()) yield* this.#link(path, name, stats, parents);
    else if (!this.#takes(name)) return;
    else if (stats.isFile()) {
      if (stats.nlink > 1) this.hardLinks++;
      yield { path, name, type: "file", stats };
    } else this.#skip(path, `it is ${specialFileKind(stats)}`);
  }

  *#link(path: BytePath, name: BytePath, stats: Stats, parents: readonly string[]): Generator<TreeEntry> {
    const target = readingRaw(path, (raw) => readlinkSync(raw, { encoding: "latin1" }));
    const route = followLink(this.#root, path, target);
    const taken = this.#takes(name);
    // An indirect link that is not selected may lead to a folder with selected entries.
    if (!taken && route !== "indirect") return;
    if (route === "direct") yield { path, name, type: "symlink", stats, target };
    else if (route === "outside") this.#skip(path, `it links out of the folder, to ${shownPath(target)}`);
    else if (route === "broken") this.#skip(path, `it is a broken link to ${shownPath(target)}`);
    else {
      if (taken) this.#report(`stored the link ${shownPath(path)} as a copy of its target, ${shownPath(target)}`);
      const end = realPath(path);
      yield* this.#entry(end, name, statsOf(end), parents);
    }
  }

  #skip(path: BytePath, why: string): void {
    this.#report(`skipped ${shownPath(path)}: ${why}`);
  }

  #takes(name: BytePath): boolean {
    return this.#wanted.takes(this.#below(name));
  }

  /** The path below the folder, as patterns match it. */
  #below(name: BytePath): string {
    return shownPath(name.slice(this.#title.length + 1));
  }
}

function realPath(path: BytePath): BytePath {
  return readingRaw(path, (raw) => realpathSync(raw, { encoding: "latin1" }));
}

function statsOf(path: BytePath): Stats {
  return readingRaw(path, (raw) => lstatSync(raw));
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}
