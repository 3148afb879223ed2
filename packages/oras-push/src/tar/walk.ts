import { accessSync, constants, existsSync, lstatSync, readdirSync, readlinkSync, type Stats, statSync } from "node:fs";
import { ToolError } from "shared/cli/tool-error";
import { type BytePath, type RawPath, rawPath, realBytePath, shownPath, toBytePath } from "shared/fs/byte-path";
import { readingRaw } from "shared/fs/path-failure";
import type { FailureReport } from "shared/fs/read-access";
import { specialFileKind } from "shared/fs/special-file";
import { changedWhileRead } from "./changed-file.ts";
import { followLink, type LinkRoute } from "./link.ts";
import type { Selection } from "./selection.ts";

/** One entry of a folder's archive. */
export interface TreeEntry {
  /** The path on disk. */
  readonly path: BytePath;
  /**
   * The name in the archive. It consists of the folder's title and the path below the folder, without a trailing slash.
   */
  readonly name: BytePath;
  readonly type: "file" | "directory" | "symlink";
  readonly stats: Stats;
  /** The text of a symbolic link. */
  readonly target?: BytePath;
}

/**
 * A function that receives messages. Each message reports a skipped file, or a file that is stored in a different form.
 * For example, the archive may contain a copy instead of a link.
 */
export type WalkReport = (message: string) => void;

const EVERYTHING: Selection = { takes: () => true, excludes: () => false };

/**
 * Yields the entries of a folder in the order of the archive. A folder comes before its content. The names in a folder
 * are sorted by their bytes. `folder` may be a symbolic link.
 *
 * Only a direct link ({@link followLink}) stays a link, because `oras pull` refuses an artifact that contains any other
 * link. An indirect link becomes a copy of its target. Skips links that lead out of the folder, broken links, sockets,
 * FIFOs and devices. Reports each skipped file and each copied link. `wanted` selects entries. By default, all entries
 * are selected. Ignores unselected entries, except the folders on the path to a selected entry.
 *
 * Throws `noInput` with the path if names appear or disappear in a folder during the walk. If `unreadable` is given,
 * the walk calls it for each unreadable path, and skips the path. For an unreadable folder, it skips only the content.
 * If `unreadable` is not given, throws `noInput` for the first unreadable path.
 */
export function* walk(
  folder: string,
  title: string,
  report: WalkReport,
  wanted: Selection = EVERYTHING,
  unreadable?: FailureReport,
): Generator<TreeEntry> {
  const root = realPath(toBytePath(folder));
  const stats = readingRaw(root, (raw) => statSync(raw));
  const tree = new Walk(root, toBytePath(title), report, wanted, unreadable);
  yield* tree.folder(root, toBytePath(title), stats, []);
  if (tree.hardLinks > 0) report(`${shownPath(root)}: stored ${tree.hardLinks} hard links as separate files`);
}

/**
 * The walk through one folder. In the methods of this class, `parents` contains the identities of the folders above an
 * entry.
 */
class Walk {
  /** Counts the files that have more than one hard link. */
  hardLinks = 0;
  readonly #root: BytePath;
  /**
   * The folders around the current entry that the walk entered through a link. The archive contains a copy of each of
   * these folders instead of the link. The innermost folder comes last.
   */
  readonly #copies: BytePath[] = [];
  readonly #title: BytePath;
  readonly #report: WalkReport;
  readonly #wanted: Selection;
  readonly #unreadable: FailureReport | undefined;

  constructor(
    root: BytePath,
    title: BytePath,
    report: WalkReport,
    wanted: Selection,
    unreadable: FailureReport | undefined,
  ) {
    this.#root = root;
    this.#title = title;
    this.#report = report;
    this.#wanted = wanted;
    this.#unreadable = unreadable;
  }

  *folder(path: BytePath, name: BytePath, stats: Stats, parents: readonly string[]): Generator<TreeEntry> {
    const entry: TreeEntry = { path, name, type: "directory", stats };
    const children = this.#children(path, name, stats, parents);
    if (parents.length === 0 || this.#takes(name)) {
      yield entry;
      yield* children;
      return;
    }
    // A folder that is not selected becomes an entry only if it contains a selected entry.
    const first = children.next();
    if (first.done === true) return;
    yield entry;
    yield first.value;
    yield* children;
  }

  *#children(path: BytePath, name: BytePath, stats: Stats, parents: readonly string[]): Generator<TreeEntry> {
    const above = [...parents, identityOf(stats)];
    const names = this.#readable(path, (raw) => readdirSync(raw, { encoding: "latin1" })) ?? [];
    for (const child of names.sort()) {
      const childName = `${name}/${child}`;
      if (this.#wanted.excludes(this.#below(childName))) continue;
      const childPath = `${path}/${child}`;
      const childStats = this.#readable(childPath, (raw) => lstatSync(raw));
      if (childStats !== undefined) yield* this.#entry(childPath, childName, childStats, above);
    }
    const now = statsOf(path);
    if (now.ino !== stats.ino || now.mtimeMs !== stats.mtimeMs) throw changedWhileRead(path);
  }

  *#entry(path: BytePath, name: BytePath, stats: Stats, parents: readonly string[]): Generator<TreeEntry> {
    if (stats.isDirectory()) {
      if (parents.includes(identityOf(stats))) this.#skip(path, "a link inside this folder leads back to the folder");
      else yield* this.folder(path, name, stats, parents);
    } else if (stats.isSymbolicLink()) yield* this.#link(path, name, stats, parents);
    else if (!this.#takes(name)) return;
    else if (stats.isFile()) {
      if (this.#unreadable !== undefined && !this.#isReadable(path)) return;
      if (stats.nlink > 1) this.hardLinks++;
      yield { path, name, type: "file", stats };
    } else this.#skip(path, `it is ${specialFileKind(stats)}`);
  }

  *#link(path: BytePath, name: BytePath, stats: Stats, parents: readonly string[]): Generator<TreeEntry> {
    const target = readingRaw(path, (raw) => readlinkSync(raw, { encoding: "latin1" }));
    const route = this.#routeOf(path, target);
    const taken = this.#takes(name);
    // An indirect link becomes a copy of its target. The target can be a folder that contains selected entries.
    // Therefore, this function continues if the link is indirect, even if the link itself is not selected.
    if (!taken && route !== "indirect") return;
    if (route === "direct") yield { path, name, type: "symlink", stats, target };
    else if (route === "outside") this.#skip(path, `it links out of the folder, to ${shownPath(target)}`);
    else if (route === "broken") this.#skip(path, `it is a broken link to ${shownPath(target)}`);
    else {
      if (taken) this.#report(`stored the link ${shownPath(path)} as a copy of its target, ${shownPath(target)}`);
      const end = this.#readable(path, () => realBytePath(path));
      const endStats = end === undefined ? undefined : this.#readable(end, (raw) => lstatSync(raw));
      if (end === undefined || endStats === undefined) return;
      this.#copies.push(end);
      yield* this.#entry(end, name, endStats, parents);
      this.#copies.pop();
    }
  }

  /**
   * Returns the route of a link. If a link is inside a copied folder, and leads out of this folder, the route of the
   * link is never `direct`.
   */
  #routeOf(path: BytePath, target: BytePath): LinkRoute {
    const route = followLink(this.#root, path, target);
    const copied = this.#copies.at(-1);
    if (route !== "direct" || copied === undefined || followLink(copied, path, target) === "direct") return route;
    return existsSync(rawPath(path)) ? "indirect" : "broken";
  }

  #isReadable(path: BytePath): boolean {
    const check = (raw: RawPath) => {
      accessSync(raw, constants.R_OK);
      return true;
    };
    return this.#readable(path, check) ?? false;
  }

  /**
   * Calls `read`, and returns the result. If `read` fails, this function calls `unreadable` and returns undefined.
   * Throws the failure if `unreadable` is not given.
   */
  #readable<T>(path: BytePath, read: (raw: RawPath) => T): T | undefined {
    try {
      return readingRaw(path, read);
    } catch (error) {
      if (this.#unreadable === undefined || !(error instanceof ToolError)) throw error;
      this.#unreadable(shownPath(path), error);
      return undefined;
    }
  }

  #skip(path: BytePath, why: string): void {
    this.#report(`skipped ${shownPath(path)}: ${why}`);
  }

  #takes(name: BytePath): boolean {
    return this.#wanted.takes(this.#below(name));
  }

  /** Returns the path of an entry, relative to the archived folder. Patterns are matched against this path. */
  #below(name: BytePath): string {
    return shownPath(name.slice(this.#title.length + 1));
  }
}

function realPath(path: BytePath): BytePath {
  return readingRaw(path, () => realBytePath(path));
}

function statsOf(path: BytePath): Stats {
  return readingRaw(path, (raw) => lstatSync(raw));
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}
