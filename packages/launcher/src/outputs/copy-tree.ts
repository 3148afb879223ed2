import {
  chmodSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  type Stats,
  statSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ToolError } from "shared/cli/tool-error";
import { type BytePath, type RawPath, rawPath, shownPath, toBytePath } from "shared/fs/byte-path";
import { ifSupported } from "shared/fs/missing-feature";
import { readingRaw, writingRaw } from "shared/fs/path-failure";
import type { FailureReport, TreeSize } from "shared/fs/read-access";
import { specialFileKind } from "shared/fs/special-file";
import { systemCode } from "shared/fs/system-error";
import { copyContent, copyFailure, type WriteFailure } from "./copy-file.ts";
import { linkTarget } from "./link-target.ts";

/** How to copy a tree. */
export interface CopyOptions {
  /** Receives a line for each skipped socket, FIFO or device. */
  readonly warn: (message: string) => void;
  /** Mode bits, such as 0o444, to add to the mode of every copied file and folder. By default, no bits are added. */
  readonly addMode?: number;
  /** If the target cannot be written, the error has this code. The default is `copyFailed`. */
  readonly writeFailure?: WriteFailure;
  /**
   * If a path inside a folder cannot be copied, `copyTree` passes the failure to this function, and copies the next
   * path. If this function is undefined, `copyTree` throws the failure.
   */
  readonly failed?: FailureReport;
}

/** The source and the target of one copy. */
export interface CopyPair {
  readonly from: string;
  readonly to: string;
}

/** Maximum number of milliseconds between two turns of the event loop. */
const LONGEST_TURN = 100;

/**
 * Copies a file, or a folder and its content. Merges with existing folders, and replaces existing files. If `from` is a
 * symbolic link, copies the target of this link. Symbolic links inside the folder stay links. Keeps modes, times, hard
 * links and holes, but not owners. If the target's file system does not support modes, times or hard links, these
 * properties are lost in the copy. Throws `noInput` with the path if a source cannot be read. If a target cannot be
 * written, throws an error with the path. The option `writeFailure` contains the code of this error.
 */
export async function copyTree(from: string, to: string, options: CopyOptions): Promise<TreeSize> {
  const copy = new TreeCopy(options);
  await copy.top({ from, to });
  return copy.size;
}

/** Copies several trees like {@link copyTree}. If a tree cannot be copied, calls `failed` and copies the next tree. */
export async function copyTrees(
  pairs: Iterable<CopyPair>,
  options: CopyOptions & Required<Pick<CopyOptions, "failed">>,
): Promise<TreeSize> {
  const copy = new TreeCopy(options);
  for (const pair of pairs) await copy.attempt(toBytePath(pair.from), () => copy.top(pair));
  return copy.size;
}

class TreeCopy {
  readonly size: TreeSize = { files: 0, bytes: 0 };
  readonly #warn: (message: string) => void;
  readonly #addMode: number;
  readonly #writeFailure: WriteFailure;
  readonly #failed: FailureReport | undefined;
  /**
   * This map contains only files with several hard links. It maps the identity of each file to the path of the file's
   * first copy.
   */
  readonly #firstCopies = new Map<string, BytePath>();
  #lastTurn = performance.now();
  #root: BytePath = "";
  #warnedOfFeature = false;

  constructor({ warn, addMode = 0, writeFailure = "copyFailed", failed }: CopyOptions) {
    this.#warn = warn;
    this.#addMode = addMode;
    this.#writeFailure = writeFailure;
    this.#failed = failed;
  }

  async top({ from, to }: CopyPair): Promise<void> {
    this.#root = toBytePath(from);
    await this.#entry(this.#root, toBytePath(to), true);
  }

  /**
   * Calls `copy` for a part of the tree. If `copy` fails, passes the failure to the option `failed`. Throws the failure
   * if this option is not set.
   */
  async attempt(source: BytePath, copy: () => Promise<void>): Promise<void> {
    try {
      await copy();
    } catch (error) {
      if (this.#failed === undefined || !(error instanceof ToolError)) throw error;
      this.#failed(shownPath(source), error);
    }
  }

  async #entry(source: BytePath, target: BytePath, top: boolean): Promise<void> {
    await this.#yieldSometimes();
    const stats = readingRaw(source, (raw) => (top ? statSync(raw) : lstatSync(raw)));
    if (stats.isDirectory()) await this.#folder(source, target, stats);
    else if (stats.isSymbolicLink()) this.#link(source, target, stats);
    else if (stats.isFile()) await this.#file(source, target, stats);
    else this.#warn(`skipped ${shownPath(source)}: it is ${specialFileKind(stats)}`);
  }

  /**
   * Lets the event loop run from time to time. Small files are copied synchronously. Without this call, many small
   * files would delay heartbeats and signals.
   */
  async #yieldSometimes(): Promise<void> {
    if (performance.now() - this.#lastTurn < LONGEST_TURN) return;
    await nextTurn();
    this.#lastTurn = performance.now();
  }

  async #folder(source: BytePath, target: BytePath, stats: Stats): Promise<void> {
    const names = readingRaw(source, (raw) => readdirSync(raw, { encoding: "latin1" }));
    this.#writing(target, makeFolder);
    for (const name of names) {
      const child = `${source}/${name}`;
      await this.attempt(child, () => this.#entry(child, `${target}/${name}`, false));
    }
    this.#writing(target, (raw) => this.#keepModeAndTimes(raw, stats));
  }

  #link(source: BytePath, target: BytePath, stats: Stats): void {
    const text = readingRaw(source, (raw) => readlinkSync(raw, { encoding: "latin1" }));
    const destination = rawPath(linkTarget(this.#root, source, text));
    this.#writing(target, (raw) => {
      rmSync(raw, { force: true });
      symlinkSync(destination, raw);
      this.#ifSupported(raw, () => lutimesSync(raw, stats.atime, stats.mtime));
    });
  }

  async #file(source: BytePath, target: BytePath, stats: Stats): Promise<void> {
    this.#writing(target, (raw) => rmSync(raw, { force: true }));
    if (!this.#linkToFirstCopy(target, stats)) {
      try {
        await copyContent(source, target, stats);
        this.#keepModeAndTimes(rawPath(target), stats);
      } catch (error) {
        discardPart(target);
        throw copyFailure(source, target, this.#writeFailure, error);
      }
      if (stats.nlink > 1) this.#firstCopies.set(identityOf(stats), target);
    }
    this.size.files++;
    this.size.bytes += stats.size;
  }

  /**
   * Creates `target` as a hard link if another hard link of the source file was already copied. The new link refers to
   * that first copy. Returns false if no link was created.
   */
  #linkToFirstCopy(target: BytePath, stats: Stats): boolean {
    const first = stats.nlink === 1 ? undefined : this.#firstCopies.get(identityOf(stats));
    if (first === undefined) return false;
    return this.#writing(target, (raw) => this.#ifSupported(raw, () => linkSync(rawPath(first), raw)));
  }

  #keepModeAndTimes(target: RawPath, stats: Stats): void {
    // For each read permission in `addMode`, a folder also gets the search permission. Without the search permission, a
    // user cannot open the files in the folder.
    const search = stats.isDirectory() ? (this.#addMode >> 2) & 0o111 : 0;
    this.#ifSupported(target, () => chmodSync(target, (stats.mode & 0o7777) | this.#addMode | search));
    this.#ifSupported(target, () => utimesSync(target, stats.atime, stats.mtime));
  }

  /**
   * Calls `change`. Returns false if the file system does not support the change. Only the first unsupported change
   * causes a warning.
   */
  #ifSupported(target: RawPath, change: () => void): boolean {
    const supported = ifSupported(change);
    if (!supported && !this.#warnedOfFeature) {
      this.#warnedOfFeature = true;
      this.#warn(`copied only the content to ${target}: its file system does not keep modes, times or hard links`);
    }
    return supported;
  }

  #writing<T>(target: BytePath, write: (raw: RawPath) => T): T {
    return writingRaw(target, write, this.#writeFailure);
  }
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

/**
 * Removes an incomplete copy, so that the sidecar does not push this copy as the complete file. Never throws, so that
 * the launcher reports why the copy failed, not why the removal failed.
 */
function discardPart(target: BytePath): void {
  try {
    rmSync(rawPath(target), { force: true });
  } catch {}
}

function makeFolder(path: RawPath): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST" || !lstatSync(path).isDirectory()) throw error;
  }
}
