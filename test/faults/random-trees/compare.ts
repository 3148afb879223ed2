/** Compares a pulled artifact with the files of the pod. */
import assert from "node:assert/strict";
import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, type Stats } from "node:fs";
import { posix } from "node:path";
import { type BytePath, rawPath, shownPath, toBytePath } from "shared/fs/byte-path";
import type { Root } from "./expectation.ts";
import {
  contentOf,
  type FileNode,
  type FolderNode,
  grantOf,
  isWithin,
  joinPath,
  LAUNCHER,
  type LinkNode,
  launcherReader,
  lookUp,
  type World,
} from "./world.ts";

/**
 * Checks that a folder with pulled layers contains all parts of the roots that the launcher could read, and nothing
 * else. A push omits some links and special files (docs/format.md, "Links and special files"). Returns these omitted
 * entries.
 */
export function comparePulled(world: World, roots: readonly Root[], folder: string): BytePath[] {
  const left: BytePath[] = [];
  const titles = namesIn(toBytePath(folder));
  for (const root of roots) {
    const comparison = new Comparison(world, root, `${toBytePath(folder)}/${root.title}`);
    if (titles.includes(root.title)) left.push(...comparison.check());
    else assert.ok(root.optional, `the artifact lacks ${shownPath(root.title)}`);
  }
  const unknown = titles.filter((title) => roots.every((root) => root.title !== title));
  assert.deepEqual(unknown.map(shownPath), [], "the artifact contains other names");
  return left;
}

class Comparison {
  readonly #world: World;
  readonly #root: Root;
  readonly #pulled: BytePath;

  constructor(world: World, root: Root, pulled: BytePath) {
    this.#world = world;
    this.#root = root;
    this.#pulled = pulled;
  }

  check(): BytePath[] {
    const left: BytePath[] = [];
    for (const [path, node] of this.#root.entries) {
      const stats = this.#statsOf(path);
      if (node.kind === "file" || node.kind === "folder") this.#checkEntry(path, node, stats);
      else if (node.kind === "link") this.#checkLink(path, node, stats);
      else assert.equal(stats, undefined, this.#about(path, "is a special file"));
      if (stats === undefined) left.push(path);
    }
    this.#checkOrigins("");
    return left;
  }

  #checkEntry(path: BytePath, node: FileNode | FolderNode, stats: Stats | undefined): void {
    assert.ok(stats !== undefined, this.#about(path, "is missing"));
    assert.ok(node.kind === "file" ? stats.isFile() : stats.isDirectory(), this.#about(path, `is no ${node.kind}`));
    const granted = (node.mode | grantOf(node)) & 0o777;
    // The launcher cannot change the mode of another user's file on the volume.
    const modes = this.#root.onVolume && node.uid !== LAUNCHER.uid ? [granted, node.mode & 0o777] : [granted];
    assert.ok(modes.includes(stats.mode & 0o7777), this.#about(path, `has mode ${(stats.mode & 0o7777).toString(8)}`));
    assert.equal(stats.mtimeMs, node.time * 1000, this.#about(path, "has another time"));
    if (node.kind === "file") this.#checkContent(path, node);
  }

  #checkContent(path: BytePath, node: FileNode): void {
    const same = readFileSync(rawPath(joinPath(this.#pulled, path))).equals(contentOf(node));
    assert.ok(same, this.#about(path, "has other content"));
  }

  /** Checks that a link is kept, replaced or omitted, as the table in docs/format.md says. */
  #checkLink(path: BytePath, link: LinkNode, stats: Stats | undefined): void {
    const kind = this.#kindOf(path, link);
    // The copy of a folder does not contain the folder's unreadable part. So a link into this part may look like a
    // broken link.
    if (kind === "unreadable") return;
    if (kind === "direct") {
      assert.ok(stats?.isSymbolicLink(), this.#about(path, "is no link"));
      const target = readlinkSync(rawPath(joinPath(this.#pulled, path)), { encoding: "latin1" });
      assert.equal(target, link.target, this.#about(path, "is a changed link"));
      return;
    }
    const { real } = this.#root;
    const end = lookUp(this.#world, joinPath(real, path));
    if (typeof end === "string" || !isWithin(end.path, real)) {
      assert.equal(stats, undefined, this.#about(path, "leads nowhere or out of the folder"));
      return;
    }
    const special = end.node.kind !== "file" && end.node.kind !== "folder";
    const optional = special || isWithin(joinPath(real, path), end.path) || !this.#canFollow(path, end.path);
    if (!optional) this.#checkTarget(path, this.#belowRoot(end.path), stats);
    else if (special) assert.ok(!stats?.isFile() && !stats?.isDirectory(), this.#about(path, "is a special file"));
  }

  /** True if the launcher can follow a link, and the saved root contains the target of this link. */
  #canFollow(path: BytePath, end: BytePath): boolean {
    const seen = lookUp(this.#world, joinPath(this.#root.real, path), { reader: launcherReader });
    return typeof seen !== "string" && this.#root.entries.has(this.#belowRoot(end));
  }

  /**
   * Checks a link whose target must be in the artifact. A kept link must not be broken. If a copy replaces the link,
   * the copy must contain all files of the target.
   */
  #checkTarget(path: BytePath, target: BytePath, stats: Stats | undefined): void {
    assert.ok(stats !== undefined, this.#about(path, "is a missing link"));
    if (stats.isSymbolicLink()) {
      assert.ok(this.#endOf(path) !== undefined, this.#about(path, "is a broken link"));
      return;
    }
    for (const [below, node] of this.#root.entries) {
      if (node.kind !== "file" || !isWithin(below, target)) continue;
      const copy = joinPath(path, below.slice(target.length).replace(/^\//, ""));
      assert.ok(this.#statsOf(copy)?.isFile(), this.#about(copy, "is missing below a link"));
      this.#checkContent(copy, node);
    }
  }

  /** A direct link is relative, stays inside the root, and passes through no other link. */
  #kindOf(path: BytePath, { target }: LinkNode): "direct" | "indirect" | "unreadable" {
    if (target.startsWith("/")) return "indirect";
    let place = posix.dirname(path) === "." ? "" : posix.dirname(path);
    for (const part of target.split("/").filter((part) => part !== "" && part !== ".")) {
      if (part === ".." && place === "") return "indirect";
      place = part === ".." ? posix.dirname(`/${place}`).slice(1) : joinPath(place, part);
      const found = lookUp(this.#world, joinPath(this.#root.real, place), { follow: false });
      if (typeof found !== "string" && !this.#root.entries.has(place)) return "unreadable";
      if (typeof found !== "string" && found.node.kind === "link") return "indirect";
    }
    return "direct";
  }

  /** Compares each pulled entry with the entry at the same path in the pod. */
  #checkOrigins(path: BytePath): void {
    const stats = this.#statsOf(path) as Stats;
    const origin = lookUp(this.#world, joinPath(this.#root.real, path));
    const known = this.#root.entries.get(path)?.kind === "file";
    if (stats.isSymbolicLink()) this.#checkEnd(path);
    else {
      assert.ok(typeof origin !== "string", this.#about(path, `has no origin: ${origin}`));
      assert.equal(origin.node.kind, stats.isDirectory() ? "folder" : "file", this.#about(path, "is of another kind"));
      if (origin.node.kind === "file" && !known) this.#checkContent(path, origin.node);
    }
    if (!stats.isDirectory()) return;
    for (const name of namesIn(joinPath(this.#pulled, path))) this.#checkOrigins(joinPath(path, name));
  }

  /** Checks that a pulled link leads to the same place as the link in the pod. */
  #checkEnd(path: BytePath): void {
    const link = lookUp(this.#world, joinPath(this.#root.real, path), { follow: false });
    assert.ok(typeof link !== "string" && link.node.kind === "link", this.#about(path, "was no link"));
    const end = this.#endOf(path);
    if (end === undefined) return;
    assert.ok(isWithin(end, this.#pulled), this.#about(path, "leads out of its folder"));
    const same = joinPath(this.#root.real, end.slice(this.#pulled.length + 1));
    const [found, expected] = [lookUp(this.#world, same), lookUp(this.#world, joinPath(this.#root.real, path))];
    assert.ok(typeof found !== "string" && typeof expected !== "string", this.#about(path, "was a broken link"));
    assert.equal(found.path, expected.path, this.#about(path, "leads to another place"));
  }

  #belowRoot(path: BytePath): BytePath {
    return path.slice(this.#root.real.length).replace(/^\//, "");
  }

  /** Returns the absolute path to which a pulled link leads. Returns undefined if the link is broken. */
  #endOf(path: BytePath): BytePath | undefined {
    try {
      return realpathSync.native(rawPath(joinPath(this.#pulled, path)), { encoding: "latin1" });
    } catch {
      return undefined;
    }
  }

  #statsOf(path: BytePath): Stats | undefined {
    return lstatSync(rawPath(joinPath(this.#pulled, path)), { throwIfNoEntry: false });
  }

  #about(path: BytePath, what: string): string {
    return `${JSON.stringify(shownPath(joinPath(this.#root.title, path)))} ${what}`;
  }
}

function namesIn(folder: BytePath): BytePath[] {
  return readdirSync(rawPath(folder), { encoding: "latin1" });
}
