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
import { type BytePath, rawPath, shownPath, toBytePath } from "shared/fs/byte-path";
import { readingRaw, writingRaw } from "shared/fs/path-failure";
import { specialFileKind } from "shared/fs/special-file";
import { systemCode } from "shared/fs/system-error";
import { copyContent, copyFailure, type WriteFailure } from "./copy-file.ts";
import type { TreeSize } from "./tree-size.ts";

/** How to copy a tree. */
export interface CopyOptions {
  /** Receives a line for each skipped socket, FIFO or device. */
  readonly warn: (message: string) => void;
  /** Mode bits that every copied file and folder gets in addition, such as 0o444; none by default. */
  readonly addMode?: number;
  /** The failure if the target cannot be written; `copyFailed` by default. */
  readonly writeFailure?: WriteFailure;
}

/** The maximum time between two turns of the event loop, in milliseconds. */
const LONGEST_TURN = 100;

/**
 * Copies a file, or a folder and its content. Merges with existing folders, and replaces existing files. Keeps symbolic
 * links inside the folder, but follows a symbolic link at the top. Keeps modes, times, hard links and holes; does not
 * keep owners. Throws `noInput` with the path if a source cannot be read, and the write failure if a target cannot be
 * written.
 */
export async function copyTree(from: string, to: string, options: CopyOptions): Promise<TreeSize> {
  const copy = new TreeCopy(options);
  await copy.entry(toBytePath(from), toBytePath(to), true);
  return copy.size;
}

class TreeCopy {
  readonly size: TreeSize = { files: 0, bytes: 0 };
  readonly #warn: (message: string) => void;
  readonly #addMode: number;
  readonly #writeFailure: WriteFailure;
  /** The first copy of each file with several hard links. */
  readonly #firstCopies = new Map<string, BytePath>();
  #lastTurn = performance.now();

  constructor({ warn, addMode = 0, writeFailure = "copyFailed" }: CopyOptions) {
    this.#warn = warn;
    this.#addMode = addMode;
    this.#writeFailure = writeFailure;
  }

  async entry(source: BytePath, target: BytePath, top: boolean): Promise<void> {
    await this.#yieldSometimes();
    const stats = readingRaw(source, (raw) => (top ? statSync(raw) : lstatSync(raw)));
    if (stats.isDirectory()) await this.#folder(source, target, stats);
    else if (stats.isSymbolicLink()) this.#link(source, target, stats);
    else if (stats.isFile()) await this.#file(source, target, stats);
    else this.#warn(`skipped ${shownPath(source)}: it is ${specialFileKind(stats)}`);
  }

  /**
   * Gives the event loop regular turns. Small files are copied synchronously, but heartbeats and signals need the event
   * loop.
   */
  async #yieldSometimes(): Promise<void> {
    if (performance.now() - this.#lastTurn < LONGEST_TURN) return;
    await nextTurn();
    this.#lastTurn = performance.now();
  }

  async #folder(source: BytePath, target: BytePath, stats: Stats): Promise<void> {
    const names = readingRaw(source, (raw) => readdirSync(raw, { encoding: "latin1" }));
    this.#writing(target, makeFolder);
    for (const name of names) await this.entry(`${source}/${name}`, `${target}/${name}`, false);
    this.#writing(target, (raw) => this.#keepModeAndTimes(raw, stats));
  }

  #link(source: BytePath, target: BytePath, stats: Stats): void {
    const destination = readingRaw(source, (raw) => readlinkSync(raw, { encoding: "buffer" }));
    this.#writing(target, (raw) => {
      rmSync(raw, { force: true });
      symlinkSync(destination, raw);
      lutimesSync(raw, stats.atime, stats.mtime);
    });
  }

  async #file(source: BytePath, target: BytePath, stats: Stats): Promise<void> {
    this.size.files++;
    this.size.bytes += stats.size;
    this.#writing(target, (raw) => rmSync(raw, { force: true }));
    if (this.#linkToFirstCopy(target, stats)) return;
    try {
      await copyContent(source, target, stats);
      this.#keepModeAndTimes(rawPath(target), stats);
    } catch (error) {
      throw copyFailure(source, target, this.#writeFailure, error);
    }
  }

  /** Links to the first copy of a file with several hard links; false for the first copy. */
  #linkToFirstCopy(target: BytePath, stats: Stats): boolean {
    if (stats.nlink === 1) return false;
    const identity = `${stats.dev}:${stats.ino}`;
    const first = this.#firstCopies.get(identity);
    if (first === undefined) this.#firstCopies.set(identity, target);
    else this.#writing(target, (raw) => linkSync(rawPath(first), raw));
    return first !== undefined;
  }

  #keepModeAndTimes(target: Buffer, stats: Stats): void {
    // A folder that every user may read must also be searchable by every user.
    const search = stats.isDirectory() ? (this.#addMode >> 2) & 0o111 : 0;
    chmodSync(target, (stats.mode & 0o7777) | this.#addMode | search);
    utimesSync(target, stats.atime, stats.mtime);
  }

  #writing<T>(target: BytePath, write: (raw: Buffer) => T): T {
    return writingRaw(target, write, this.#writeFailure);
  }
}

function makeFolder(path: Buffer): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST" || !lstatSync(path).isDirectory()) throw error;
  }
}
