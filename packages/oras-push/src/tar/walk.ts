import { lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { reasonOf, ToolError } from "shared/cli/tool-error";
import type { Selection } from "./selection.ts";

/**
 * A file name or path as a string of bytes, one character a byte (latin1): names on Linux need not be UTF-8, and sorted
 * like this they are sorted by their bytes.
 */
export type ByteString = string;

/** One entry of a folder's archive. */
export interface TreeEntry {
  /** Where it is on disk. */
  readonly path: ByteString;
  /** Its name in the archive: the folder's title, then the way down, without a trailing slash. */
  readonly name: ByteString;
  readonly type: "file" | "directory" | "symlink";
  readonly stats: Stats;
  /** What a symbolic link points to, as it was written. */
  readonly target?: ByteString;
}

/** Told of what is left out or changed, and why. */
export type WalkReport = (message: string) => void;

const EVERYTHING: Selection = { takes: () => true, excludes: () => false };

/** A path as Node takes it. */
export function rawPath(path: ByteString): Buffer {
  return Buffer.from(path, "latin1");
}

/** A path as a string of bytes. */
export function byteString(path: string): ByteString {
  return Buffer.from(path).toString("latin1");
}

/** A path as people read it. */
export function shownPath(path: ByteString): string {
  return rawPath(path).toString();
}

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
  const given = byteString(folder);
  const root = reading(given, () => realpathSync(rawPath(given), { encoding: "latin1" }));
  const stats = reading(root, () => statSync(rawPath(root)));
  const tree = new Walk(root, byteString(title), report, wanted);
  yield* tree.folder(root, byteString(title), stats, []);
  if (tree.linked > 0)
    report(`of ${shownPath(root)}: each of ${tree.linked} hard links is taken in as a file of its own`);
}

/** A walk through one folder; `above` are the identities of the folders on the way. */
class Walk {
  /** Files so far that have another name. */
  linked = 0;
  readonly #root: ByteString;
  readonly #title: ByteString;
  readonly #report: WalkReport;
  readonly #wanted: Selection;

  constructor(root: ByteString, title: ByteString, report: WalkReport, wanted: Selection) {
    this.#root = root;
    this.#title = title;
    this.#report = report;
    this.#wanted = wanted;
  }

  *folder(path: ByteString, name: ByteString, stats: Stats, above: readonly string[]): Generator<TreeEntry> {
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

  *#children(path: ByteString, name: ByteString, stats: Stats, above: readonly string[]): Generator<TreeEntry> {
    const identity = `${stats.dev}:${stats.ino}`;
    const names = reading(path, () => readdirSync(rawPath(path), { encoding: "latin1" }));
    for (const child of names.sort()) {
      const childName = `${name}/${child}`;
      if (this.#wanted.excludes(this.#below(childName))) continue;
      const childPath = `${path}/${child}`;
      yield* this.#entry(childPath, childName, statsOf(childPath), [...above, identity]);
    }
    const now = statsOf(path);
    if (now.ino !== stats.ino || now.mtimeMs !== stats.mtimeMs) throw changedWhileRead(path);
  }

  *#entry(path: ByteString, name: ByteString, stats: Stats, above: readonly string[]): Generator<TreeEntry> {
    if (stats.isDirectory()) {
      if (above.includes(`${stats.dev}:${stats.ino}`))
        this.#report(`left out ${shownPath(path)}: it leads back to a folder above it`);
      else yield* this.folder(path, name, stats, above);
    } else if (stats.isSymbolicLink()) yield* this.#link(path, name, stats, above);
    else if (!this.#takes(name)) return;
    else if (stats.isFile()) {
      if (stats.nlink > 1) this.linked++;
      yield { path, name, type: "file", stats };
    } else this.#report(`left out ${shownPath(path)}: ${kindOf(stats)}`);
  }

  *#link(path: ByteString, name: ByteString, stats: Stats, above: readonly string[]): Generator<TreeEntry> {
    const target = reading(path, () => readlinkSync(rawPath(path), { encoding: "latin1" }));
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
      const end = reading(path, () => realpathSync(rawPath(path), { encoding: "latin1" }));
      yield* this.#entry(end, name, statsOf(end), above);
    }
  }

  #takes(name: ByteString): boolean {
    return this.#wanted.takes(this.#below(name));
  }

  /** An entry's way from the folder on, as patterns know it. */
  #below(name: ByteString): string {
    return shownPath(name.slice(this.#title.length + 1));
  }
}

/**
 * How a symbolic link leads to its target, both paths absolute and real: `direct` for one that every client restores, `through` for one that ends
 * inside the folder by way of other links or an absolute path, `outside`, or `nowhere` for links that can't be followed.
 */
export function followLink(
  root: ByteString,
  link: ByteString,
  target: ByteString,
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

function linkAt(parts: readonly string[]): ByteString | undefined {
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
export function changedWhileRead(path: ByteString): ToolError {
  return new ToolError("noInput", `${shownPath(path)} changed while it was read`, {
    hint: "push what is complete, or once nobody writes to it any more",
  });
}

function statsOf(path: ByteString): Stats {
  return reading(path, () => lstatSync(rawPath(path)));
}

function kindOf(stats: Stats): string {
  if (stats.isFIFO()) return "a FIFO";
  return stats.isSocket() ? "a socket" : "a device";
}

function reading<T>(path: ByteString, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new ToolError("noInput", `cannot read ${shownPath(path)}`, { why: reasonOf(error), cause: error });
  }
}
