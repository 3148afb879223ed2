import { lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { reasonOf, ToolError } from "wait-fs/tool-error";

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
 * left out, and so are sockets, FIFOs and devices. Each of these is reported. Throws `noInput`, naming the path, for what
 * can't be read.
 */
export function* walk(folder: string, title: string, report: WalkReport): Generator<TreeEntry> {
  const given = byteString(folder);
  const root = reading(given, () => realpathSync(rawPath(given), { encoding: "latin1" }));
  yield* walkFolder(
    root,
    byteString(title),
    reading(root, () => statSync(rawPath(root))),
    [],
  );

  function* walkFolder(
    path: ByteString,
    name: ByteString,
    stats: Stats,
    above: readonly string[],
  ): Generator<TreeEntry> {
    yield { path, name, type: "directory", stats };
    const identity = `${stats.dev}:${stats.ino}`;
    const names = reading(path, () => readdirSync(rawPath(path), { encoding: "latin1" }));
    for (const child of names.sort()) {
      const childPath = `${path}/${child}`;
      yield* walkEntry(childPath, `${name}/${child}`, statsOf(childPath), [...above, identity]);
    }
  }

  function* walkEntry(
    path: ByteString,
    name: ByteString,
    stats: Stats,
    above: readonly string[],
  ): Generator<TreeEntry> {
    if (stats.isDirectory()) {
      if (above.includes(`${stats.dev}:${stats.ino}`))
        report(`left out ${shownPath(path)}: it leads back to a folder above it`);
      else yield* walkFolder(path, name, stats, above);
    } else if (stats.isFile()) yield { path, name, type: "file", stats };
    else if (stats.isSymbolicLink()) yield* walkLink(path, name, stats, above);
    else report(`left out ${shownPath(path)}: ${kindOf(stats)}`);
  }

  function* walkLink(path: ByteString, name: ByteString, stats: Stats, above: readonly string[]): Generator<TreeEntry> {
    const target = reading(path, () => readlinkSync(rawPath(path), { encoding: "latin1" }));
    const way = followLink(root, path, target);
    if (way === "direct") yield { path, name, type: "symlink", stats, target };
    else if (way === "outside")
      report(`left out ${shownPath(path)}: it links out of the folder, to ${shownPath(target)}`);
    else if (way === "nowhere") report(`left out ${shownPath(path)}: its links end nowhere, at ${shownPath(target)}`);
    else {
      report(`took in ${shownPath(path)} as what it links to, ${shownPath(target)}`);
      const end = reading(path, () => realpathSync(rawPath(path), { encoding: "latin1" }));
      yield* walkEntry(end, name, statsOf(end), above);
    }
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
