import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  ftruncateSync,
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
import { copyFile, type FileHandle, open } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { reasonOf, systemCode, ToolError } from "shared/cli/tool-error";

/** What a tree holds. */
export interface TreeSize {
  /** Number of regular files; a file with several names counts once a name. */
  files: number;
  /** Their sizes added up. */
  bytes: number;
}

/** What a failure to write is called: `copyFailed` for outputs, `cannotCreate` for inputs. */
export type WriteFailure = "copyFailed" | "cannotCreate";

/** How a tree is copied. */
export interface CopyOptions {
  /** Told of what is left out: sockets, FIFOs and devices, by path. */
  readonly warn: (message: string) => void;
  /** Mode bits given to every file and folder beside their own, such as 0o444; none by default. */
  readonly addMode?: number;
  /** What a failure to write is called; `copyFailed` by default. */
  readonly writeFailure?: WriteFailure;
}

/** Files up to this size are copied without an asynchronous round trip, which would cost more than the copy. */
const SMALL_FILE = 1 << 20;

/** The event loop gets a turn at least this often, in milliseconds. */
const LONGEST_TURN = 100;

const BLOCK = 1 << 20;
const ZEROS = Buffer.alloc(BLOCK);

/**
 * Copies a file or a folder with all it holds; folders that are there are merged with, files replaced. Symbolic links
 * inside stay as they are, one that is the path itself is followed. Kept: modes, times, hard links, holes; not owners.
 * Throws `noInput` for what can't be read and the write failure for what can't be written, naming the path.
 */
export async function copyTree(from: string, to: string, options: CopyOptions): Promise<TreeSize> {
  const size: TreeSize = { files: 0, bytes: 0 };
  const links = new Map<string, string>();
  const writeFailure = options.writeFailure ?? "copyFailed";
  let paused = performance.now();
  await copyEntry(byteString(from), byteString(to), true);
  return size;

  /** Small files are copied without a turn of the event loop: a heartbeat and signals wait for one. */
  async function pause(): Promise<void> {
    if (performance.now() - paused < LONGEST_TURN) return;
    await nextTurn();
    paused = performance.now();
  }

  async function copyEntry(source: string, target: string, top: boolean): Promise<void> {
    await pause();
    const stats = attempt("noInput", source, () => (top ? statSync(raw(source)) : lstatSync(raw(source))));
    if (stats.isDirectory()) await copyFolder(source, target, stats);
    else if (stats.isSymbolicLink()) copyLink(source, target, stats);
    else if (stats.isFile()) await copyRegular(source, target, stats);
    else options.warn(`left out ${shown(source)}: ${kindOf(stats)}`);
  }

  async function copyFolder(source: string, target: string, stats: Stats): Promise<void> {
    const names = attempt("noInput", source, () => readdirSync(raw(source), { encoding: "latin1" }));
    attempt(writeFailure, target, () => makeFolder(target));
    for (const name of names) await copyEntry(`${source}/${name}`, `${target}/${name}`, false);
    attempt(writeFailure, target, () => {
      chmodSync(raw(target), modeOf(stats));
      utimesSync(raw(target), stats.atime, stats.mtime);
    });
  }

  function copyLink(source: string, target: string, stats: Stats): void {
    const destination = attempt("noInput", source, () => readlinkSync(raw(source), { encoding: "buffer" }));
    attempt(writeFailure, target, () => {
      rmSync(raw(target), { force: true });
      symlinkSync(destination, raw(target));
      lutimesSync(raw(target), stats.atime, stats.mtime);
    });
  }

  async function copyRegular(source: string, target: string, stats: Stats): Promise<void> {
    const identity = `${stats.dev}:${stats.ino}`;
    const first = stats.nlink > 1 ? links.get(identity) : undefined;
    size.files++;
    size.bytes += stats.size;
    attempt(writeFailure, target, () => rmSync(raw(target), { force: true }));
    if (first !== undefined) {
      attempt(writeFailure, target, () => linkSync(raw(first), raw(target)));
      return;
    }
    if (stats.nlink > 1) links.set(identity, target);
    try {
      if (stats.size <= SMALL_FILE) copyFileSync(raw(source), raw(target));
      else if (isSparse(stats)) await copySparse(source, target, stats.size);
      else await copyFile(raw(source), raw(target));
      chmodSync(raw(target), modeOf(stats));
      utimesSync(raw(target), stats.atime, stats.mtime);
    } catch (error) {
      throw copyFailure(source, target, writeFailure, error);
    }
  }

  function modeOf(stats: Stats): number {
    const search = stats.isDirectory() ? ((options.addMode ?? 0) >> 2) & 0o111 : 0;
    return (stats.mode & 0o7777) | (options.addMode ?? 0) | search;
  }
}

/** Counts what a file or folder holds, as {@link copyTree} counts it. Throws `noInput`, naming the path. */
export function measureTree(path: string): TreeSize {
  const size: TreeSize = { files: 0, bytes: 0 };
  const pending = [{ path: byteString(path), top: true }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path: current, top } = next;
    const stats = attempt("noInput", current, () => (top ? statSync(raw(current)) : lstatSync(raw(current))));
    if (stats.isFile()) {
      size.files++;
      size.bytes += stats.size;
    } else if (stats.isDirectory()) {
      const names = attempt("noInput", current, () => readdirSync(raw(current), { encoding: "latin1" }));
      for (const name of names) pending.push({ path: `${current}/${name}`, top: false });
    }
  }
  return size;
}

/** Removes a file or a folder with all it holds, also what a normal user could not empty: folders without write permission. */
export function removeTree(path: string): void {
  openFolders(byteString(path));
  rmSync(path, { recursive: true, force: true });
}

function openFolders(path: string): void {
  if (lstatSync(raw(path), { throwIfNoEntry: false })?.isDirectory() !== true) return;
  chmodSync(raw(path), 0o700);
  for (const name of readdirSync(raw(path), { encoding: "latin1" })) openFolders(`${path}/${name}`);
}

/** Copies block by block and leaves holes where a block is all zeros. */
async function copySparse(source: string, target: string, size: number): Promise<void> {
  await using input = await open(raw(source), "r");
  await using output = await open(raw(target), "wx", 0o600);
  const buffer = Buffer.allocUnsafe(BLOCK);
  for (let position = 0; position < size; ) {
    const { bytesRead } = await input.read(buffer, 0, BLOCK, position);
    if (bytesRead === 0) break;
    if (!buffer.subarray(0, bytesRead).equals(ZEROS.subarray(0, bytesRead)))
      await writeAll(output, buffer.subarray(0, bytesRead), position);
    position += bytesRead;
  }
  ftruncateSync(output.fd, size);
}

async function writeAll(file: FileHandle, data: Buffer, position: number): Promise<void> {
  for (let done = 0; done < data.length; )
    done += (await file.write(data, done, data.length - done, position + done)).bytesWritten;
}

function makeFolder(path: string): void {
  try {
    mkdirSync(raw(path), { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST" || !lstatSync(raw(path)).isDirectory()) throw error;
  }
}

function isSparse(stats: Stats): boolean {
  return stats.blocks * 512 < stats.size;
}

/** What is neither a file, a folder nor a link, in a word. */
export function kindOf(stats: Stats): string {
  if (stats.isFIFO()) return "a FIFO";
  return stats.isSocket() ? "a socket" : "a device";
}

/**
 * A path as a string of bytes, one character a byte: file names need not be UTF-8, and none may be lost or changed.
 */
function byteString(path: string): string {
  return Buffer.from(path).toString("latin1");
}

function raw(path: string): Buffer {
  return Buffer.from(path, "latin1");
}

function shown(path: string): string {
  return raw(path).toString();
}

function attempt<T>(code: "noInput" | WriteFailure, path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const doing = code === "noInput" ? "read" : "write";
    throw new ToolError(code, `cannot ${doing} ${shown(path)}`, { why: reasonOf(error), cause: error });
  }
}

/** A failed copy does not say which side it failed on. */
function copyFailure(source: string, target: string, write: WriteFailure, error: unknown): ToolError {
  const facts = { why: reasonOf(error), cause: error };
  try {
    accessSync(raw(source), constants.R_OK);
  } catch {
    return new ToolError("noInput", `cannot read ${shown(source)}`, facts);
  }
  return new ToolError(write, `cannot write ${shown(target)}`, facts);
}
