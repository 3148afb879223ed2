import { lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { ToolError } from "shared/cli/tool-error";
import { type BytePath, rawPath, shownPath, toBytePath } from "shared/fs/byte-path";
import { readingRaw } from "shared/fs/path-failure";
import { specialFileKind } from "shared/fs/special-file";
import type { Selection } from "./selection.ts";

/** One entry of a folder's archive. */
export interface TreeEntry {
  /** Where it is on disk. */
  readonly path: BytePath;
  /** Its name in the archive: the folder's title, then the way down, without a trailing slash. */
  readonly name: BytePath;
  readonly type: "file" | "directory" | "symlink";
  readonly stats: Stats;
  /** What a symbolic link points to, as it was written. */
  readonly target?: BytePath;
}

/** Told of what is left out or changed, and why. */
export type WalkReport = (message: string) => void;

const EVERYTHING: Selection = { takes: () => true, excludes: () => false };

/**
 * The entries of a folder in their order in the archive: the folder itself, then each name by its bytes, a folder before
 * what it holds. The folder may be a symbolic link.
 *
 * What can't be restored everywhere is not given as it is. A symbolic link stays one only if it is relative, stays inside
 * the folder, and neither passes through another link nor ends at one: `oras pull` refuses a whole artifact for any
 * other. One that ends inside the folder all the same is given as what it ends at; one that leads out of the folder is
 * left out, and so are sockets, FIFOs and devices. Each of these is reported. What `wanted` does not take is not given,
 * reported or read, but for the folders on the way to what it takes; everything is taken by default. Throws `noInput`,
 * naming the path, for what can't be read, and for a folder that got or lost something until all in it had been given.
 */
export function* walk(
  folder: string,
  title: string,
  report: WalkReport,
  wanted: Selection = EVERYTHING,
): Generator<TreeEntry> {
  const given = toBytePath(folder);
  const root = readingRaw(given, (raw) => realpathSync(raw, { encoding: "latin1" }));
  const stats = readingRaw(root, (raw) => statSync(raw));
  const tree = new Walk(root, toBytePath(title), report, wanted);
  yield* tree.folder(root, toBytePath(title), stats, []);
  if (tree.linked > 0)
    report(`of ${shownPath(root)}: each of ${tree.linked} hard links is taken in as a file of its own`);
}

/** A walk through one folder; `above` are the identities of the folders on the way. */
class Walk {
  /** Files so far that have another name. */
  linked = 0;
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

  *folder(path: BytePath, name: BytePath, stats: Stats, above: readonly string[]): Generator<TreeEntry> {
    const entry: TreeEntry = { path, name, type: "directory", stats };
    const children = this.#children(path, name, stats, above);
    if (above.length === 0 || this.#takes(name)) {
      yield entry;
      yield* children;
      return;
    }
    // A folder that is not taken itself is there for what it leads to.
    let first = true;
    for (const child of children) {
      if (first) yield entry;
      first = false;
      yield child;
    }
  }

  *#children(path: BytePath, name: BytePath, stats: Stats, above: readonly string[]): Generator<TreeEntry> {
    const identity = `${stats.dev}:${stats.ino}`;
    const names = readingRaw(path, (raw) => readdirSync(raw, { encoding: "latin1" }));
    for (const child of names.sort()) {
      const childName = `${name}/${child}`;
      if (this.#wanted.excludes(this.#below(childName))) continue;
      const childPath = `${path}/${child}`;
      yield* this.#entry(childPath, childName, statsOf(childPath), [...above, identity]);
    }
    const now = statsOf(path);
    if (now.ino !== stats.ino || now.mtimeMs !== stats.mtimeMs) throw changedWhileRead(path);
  }

  *#entry(path: BytePath, name: BytePath, stats: Stats, above: readonly string[]): Generator<TreeEntry> {
    if (stats.isDirectory()) {
      if (above.includes(`${stats.dev}:${stats.ino}`))
        this.#report(`left out ${shownPath(path)}: it leads back to a folder above it`);
      else yield* this.folder(path, name, stats, above);
    } else if (stats.isSymbolicLink()) yield* this.#link(path, name, stats, above);
    else if (!this.#takes(name)) return;
    else if (stats.isFile()) {
      if (stats.nlink > 1) this.linked++;
      yield { path, name, type: "file", stats };
    } else this.#report(`left out ${shownPath(path)}: ${specialFileKind(stats)}`);
  }

  *#link(path: BytePath, name: BytePath, stats: Stats, above: readonly string[]): Generator<TreeEntry> {
    const target = readingRaw(path, (raw) => readlinkSync(raw, { encoding: "latin1" }));
    const way = followLink(this.#root, path, target);
    const taken = this.#takes(name);
    // What a link ends at may hold something that is taken, though the link itself is not.
    if (!taken && way !== "through") return;
    const shown = shownPath(path);
    if (way === "direct") yield { path, name, type: "symlink", stats, target };
    else if (way === "outside") this.#report(`left out ${shown}: it links out of the folder, to ${shownPath(target)}`);
    else if (way === "nowhere") this.#report(`left out ${shown}: its links end nowhere, at ${shownPath(target)}`);
    else {
      if (taken) this.#report(`took in ${shown} as what it links to, ${shownPath(target)}`);
      const end = readingRaw(path, (raw) => realpathSync(raw, { encoding: "latin1" }));
      yield* this.#entry(end, name, statsOf(end), above);
    }
  }

  #takes(name: BytePath): boolean {
    return this.#wanted.takes(this.#below(name));
  }

  /** An entry's way from the folder on, as patterns know it. */
  #below(name: BytePath): string {
    return shownPath(name.slice(this.#title.length + 1));
  }
}

/**
 * How a symbolic link leads to its target, both paths absolute and real: `direct` for one that every client restores, `through` for one that ends
 * inside the folder by way of other links or an absolute path, `outside`, or `nowhere` for links that can't be followed.
 */
export function followLink(
  root: BytePath,
  link: BytePath,
  target: BytePath,
): "direct" | "through" | "outside" | "nowhere" {
  const absolute = target.startsWith("/");
  let direct = !absolute;
  let current = absolute ? [] : link.slice(1).split("/").slice(0, -1);
  const pending = target.split("/");
  const inside = (parts: readonly string[]) => `/${parts.join("/")}/`.startsWith(`${root}/`);
  for (let links = 0; pending.length > 0; ) {
    const part = pending.shift() as string;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      current = current.slice(0, -1);
      // Down and up again is no way out, but a relative target above the root is, whatever comes after it.
      if (!inside(current)) direct = false;
      continue;
    }
    current = [...current, part];
    const next = linkAt(current);
    if (next === undefined) continue;
    direct = false;
    if (++links > MAX_LINKS) return "nowhere";
    if (next.startsWith("/")) current = [];
    else current = current.slice(0, -1);
    pending.unshift(...next.split("/"));
  }
  if (!inside(current)) return "outside";
  if (direct) return "direct";
  return exists(current) ? "through" : "nowhere";
}

/** As many links in a row as Linux follows (path_resolution(7)). */
const MAX_LINKS = 40;

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

/** What is thrown for a file or a folder that is not what it was when it was found. */
export function changedWhileRead(path: BytePath): ToolError {
  return new ToolError("noInput", `${shownPath(path)} changed while it was read`, {
    hint: "push what is complete, or once nobody writes to it any more",
  });
}

function statsOf(path: BytePath): Stats {
  return readingRaw(path, (raw) => lstatSync(raw));
}
