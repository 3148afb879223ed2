/** Computes the expected end of a pod from the pod's files and outputs (docs/protocol.md, docs/format.md). */
import { posix } from "node:path";
import { type BytePath, shownPath, toBytePath } from "shared/fs/byte-path";
import { isText, matchesOf, type Output } from "./outputs.ts";
import {
  type FileNode,
  type FolderNode,
  type Found,
  grantingReader,
  isWithin,
  joinPath,
  launcherReader,
  lookUp,
  type Node,
  partsOf,
  READ,
  type Reader,
  SEARCH,
  type World,
} from "./world.ts";

/** If a pattern has more matches than this number, the launcher saves the matches together as one folder. */
const MAX_OUTPUTS = 1000;

/** A file or folder that becomes a layer. */
export interface Root {
  readonly title: BytePath;
  /** The path without links, relative to the pod's folder. */
  readonly real: BytePath;
  readonly node: FileNode | FolderNode;
  readonly onVolume: boolean;
  /** Maps paths below the root to the entries that the launcher can read. */
  readonly entries: ReadonlyMap<BytePath, Node>;
  /** Whether the artifact may lack the whole root. */
  readonly optional: boolean;
}

/** A path that cannot be saved. */
export interface Lost {
  /** The possible names of the path in messages, relative to the pod's folder. */
  readonly names: readonly BytePath[];
  /**
   * The kind `absent` means that the command did not write the path. This counts as a loss only if the command
   * succeeded.
   */
  readonly kind: "unreadable" | "conflict" | "absent";
  /** False if the order of the launcher's steps decides whether the path is lost. */
  readonly certain: boolean;
}

export interface Expectation {
  /**
   * Why the launcher does not run the command. `usage`: its arguments are invalid. `unreadable`: it cannot look up the
   * path of an output. A missing output does not prevent the command.
   */
  readonly refusal: "usage" | "unreadable" | undefined;
  readonly roots: readonly Root[];
  readonly lost: readonly Lost[];
}

/** Computes the expectation. With `early`, the tree exists when the launcher starts. */
export function expectationOf(world: World, outputs: readonly Output[], early: boolean): Expectation {
  const refusal = refusalOf(world, outputs, early);
  if (refusal !== undefined) return { refusal, roots: [], lost: [] };
  const collector = new Collector(world);
  for (const output of outputs) collector.add(output);
  return { refusal, roots: collector.roots, lost: collector.lost };
}

function refusalOf(world: World, outputs: readonly Output[], early: boolean): Expectation["refusal"] {
  const titles = outputs.filter(({ text }) => !/[*?[{]/.test(text)).map(({ path }) => posix.basename(path));
  if (new Set(titles).size < titles.length) return "usage";
  if (!early) return undefined;
  const unreadable = outputs.some(({ path, text, pattern }) => {
    const literal = pattern === undefined && /[*?[{]/.test(text);
    const start = literal ? beforePattern(path) : path;
    const found = lookUp(world, start, { reader: launcherReader });
    return typeof found === "string" && found !== "ENOENT";
  });
  return unreadable ? "unreadable" : undefined;
}

/** The part of a path before the first name that looks like a pattern. */
function beforePattern(path: BytePath): BytePath {
  const parts = partsOf(path);
  return parts
    .slice(
      0,
      parts.findIndex((part) => /[*?[{]/.test(part)),
    )
    .join("/");
}

class Collector {
  readonly roots: Root[] = [];
  readonly lost: Lost[] = [];
  readonly #world: World;
  readonly #seen = new Set<BytePath>();
  readonly #titles = new Set<BytePath>();

  constructor(world: World) {
    this.#world = world;
  }

  add(output: Output): void {
    if (output.pattern === undefined) {
      if (this.#isFresh(output.path) && this.#save(output.path) === "nothing") this.#lose("absent", [output.path]);
      return;
    }
    const name = joinPath(output.path, output.pattern.join("/"));
    const { paths, unreadable } = matchesOf(this.#world, output);
    for (const path of unreadable) this.#lose("unreadable", [path]);
    const fresh = paths.filter((path) => isText(path) && this.#isFresh(path));
    const saved =
      fresh.length > MAX_OUTPUTS ? [this.#saveTogether(output, fresh)] : fresh.map((path) => this.#save(path));
    for (const path of paths) if (!isText(path)) this.#lose("unreadable", [path]);
    const nothing = paths.length === 0 && unreadable.length === 0;
    if (nothing || (saved.includes("nothing") && !saved.includes("saved"))) this.#lose("absent", [name]);
  }

  #lose(kind: Lost["kind"], names: readonly BytePath[], certain = true): void {
    this.lost.push({ kind, names, certain });
  }

  #isFresh(path: BytePath): boolean {
    const fresh = !this.#seen.has(path);
    this.#seen.add(path);
    return fresh;
  }

  /** Saves all matches of a pattern as one folder. This model supports only matches that the launcher can read. */
  #saveTogether({ path: real }: Output, paths: readonly BytePath[]): "saved" {
    const found = lookUp(this.#world, real) as Found & { readonly node: FolderNode };
    const entries = new Map<BytePath, Node>();
    for (const path of paths) {
      const match = lookUp(this.#world, path) as Found;
      visit(match.node, path.slice(real.length + 1), launcherReader, entries, []);
    }
    const onVolume = isWithin(real, "share");
    this.roots.push({ title: posix.basename(real), real, node: found.node, onVolume, entries, optional: false });
    return "saved";
  }

  /** Returns `nothing` if the path does not exist or is a special file. */
  #save(path: BytePath): "saved" | "nothing" | "conflict" {
    const title = posix.basename(path);
    if (this.#titles.has(title)) {
      this.#lose("conflict", [path]);
      return "conflict";
    }
    this.#titles.add(title);
    const found = lookUp(this.#world, path, { reader: launcherReader });
    // When the launcher saves an output on the volume, it grants every user read access to the files and folders that
    // it owns. `found` assumes that no earlier output contained `path`. `later` assumes that an earlier output
    // contained `path`.
    const later = lookUp(this.#world, path, { reader: grantingReader });
    if (typeof found !== "string") return this.#saveFound(path, found, true);
    if (found !== "ENOENT") this.#lose("unreadable", [path], later === found);
    else if (typeof lookUp(this.#world, path, { follow: false, reader: launcherReader }) === "string") return "nothing";
    else this.#lose("absent", [path]);
    if (typeof later !== "string" && found !== "ENOENT") this.#saveFound(path, later, false);
    return "saved";
  }

  #saveFound(path: BytePath, { node, path: real }: Found, certain: boolean): "saved" | "nothing" {
    if (node.kind !== "file" && node.kind !== "folder") return "nothing";
    const onVolume = isWithin(real, "share");
    const entries = new Map<BytePath, Node>();
    const lost: BytePath[] = [];
    visit(node, "", onVolume ? grantingReader : launcherReader, entries, lost);
    for (const below of lost) {
      const names = [joinPath(path, below), joinPath(real, below)];
      // If the launcher has no permission to look up names in a folder, its message names either this folder or the
      // path in it.
      this.#lose("unreadable", [...names, ...names.map((name) => posix.dirname(name))], certain);
    }
    // If the launcher has no permission to look up names in another user's folder on the volume, it reports this
    // folder, even if the folder is empty.
    const closed = [...entries].filter(
      ([, entry]) => onVolume && entry.kind === "folder" && !grantingReader(entry, SEARCH),
    );
    for (const [below] of closed) this.#lose("unreadable", [joinPath(path, below), joinPath(real, below)], false);
    if (entries.size === 0) return "saved";
    const files = [...entries.values()].filter(({ kind }) => kind === "file").length;
    const optional = !certain || (onVolume && lost.length + closed.length > 0 && files === 0);
    this.roots.push({ title: posix.basename(path), real, node, onVolume, entries, optional });
    return "saved";
  }
}

/** Adds the readable entries of a tree to `entries`, and the unreadable paths to `lost`. */
function visit(node: Node, path: BytePath, reader: Reader, entries: Map<BytePath, Node>, lost: BytePath[]): void {
  if ((node.kind === "file" || node.kind === "folder") && !reader(node, READ)) {
    lost.push(path);
    return;
  }
  entries.set(path, node);
  if (node.kind !== "folder") return;
  for (const [name, child] of node.children) {
    const below = joinPath(path, name);
    if (reader(node, SEARCH)) visit(child, below, reader, entries, lost);
    else lost.push(below);
  }
}

/** All names of a lost path, as absolute paths. */
export function namesOf({ pod }: World, { names }: Lost): string[] {
  return names.map((name) => shownPath(joinPath(toBytePath(pod), name)));
}
