import {
  chmodSync,
  closeSync,
  fchmodSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  write as writeCallback,
  writeSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { type Extract, extract, type Header } from "tar-stream";
import { reasonOf, ToolError } from "wait-fs/tool-error";
import { checkLinkTarget, safeParts, UnsafePathError } from "./entry-path.ts";
import { byteString, followLink } from "./walk.ts";

/** What an unpacked archive held. */
export interface UnpackResult {
  /** Number of regular files. */
  readonly files: number;
}

/** What of a mode is restored: who may do what, and the sticky bit; never set-user-ID or set-group-ID. */
const RESTORED_MODE = 0o1777;

/** Files up to this size are written without an asynchronous round trip, which would cost more than the writing; in bytes. */
const SMALL_FILE = 256 << 10;

const write = promisify(writeCallback);

/** Zeros in a row that become a hole, in bytes: a block of most file systems. */
const HOLE = Buffer.alloc(4096);

/**
 * Unpacks a tar archive below an empty folder, where every entry has to lie under `title`. Modes and times are restored
 * whatever the umask; owners are not. Throws `registry`, naming the entry, for one that is absolute, leads out of the
 * folder, passes through a link of the archive, or is a link that leads out; `cannotCreate` for what can't be written; `registry` for what is no
 * archive.
 */
export async function unpack(archive: AsyncIterable<Buffer>, folder: string, title: string): Promise<UnpackResult> {
  const unpacking = new Unpacking(folder, title);
  const tar = extract();
  const feeding = feed(archive, tar).catch((error: Error) => {
    tar.destroy(error);
    return error;
  });
  try {
    for await (const entry of tar) await unpacking.add(entry.header, entry as AsyncIterable<Buffer>);
  } catch (error) {
    tar.destroy(error as Error);
    const fault = (await feeding) ?? error;
    throw fault instanceof ToolError ? fault : brokenArchive(title, fault);
  }
  await feeding;
  unpacking.finish();
  return { files: unpacking.files };
}

/** Writes a stream to an extraction, at its pace, as long as it takes any. */
async function feed(archive: AsyncIterable<Buffer>, tar: Extract): Promise<undefined> {
  for await (const chunk of archive) {
    if (tar.destroyed) return;
    if (tar.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const goOn = () => {
        tar.off("drain", goOn).off("close", goOn);
        resolve();
      };
      tar.on("drain", goOn).on("close", goOn);
    });
  }
  (tar as unknown as NodeJS.WritableStream).end();
}

class Unpacking {
  files = 0;
  readonly #folder: string;
  readonly #title: readonly string[];
  readonly #links = new Set<string>();
  readonly #folders = new Map<string, Header | undefined>();

  constructor(folder: string, title: string) {
    this.#folder = folder;
    this.#title = safeParts(title);
  }

  async add(header: Header, content: AsyncIterable<Buffer>): Promise<void> {
    const parts = this.#checked(header.name, () => this.#entryParts(header.name));
    const path = this.#path(parts);
    this.#makeParents(parts);
    switch (header.type) {
      case "directory":
        this.#makeFolder(parts, header);
        return drain(content);
      case "symlink":
        this.#link(parts, header);
        return drain(content);
      case "link":
        this.#hardLink(parts, header);
        return drain(content);
      case "file":
      case "contiguous-file":
        await this.#write(path, header, content);
        this.files++;
        return;
      default:
        throw unsafeEntry(header.name, `an entry of type ${header.type}`);
    }
  }

  /** Folders get their modes and times last: a file made in them would change the one and may be forbidden by the other. */
  finish(): void {
    this.#makeParents([...this.#title, ""]);
    for (const path of this.#links) this.#checkEnd(path);
    for (const [path, header] of [...this.#folders].reverse())
      writing(path, () => {
        chmodSync(path, header === undefined ? 0o755 : header.mode & RESTORED_MODE);
        if (header !== undefined) utimesSync(path, header.mtime, header.mtime);
      });
  }

  #entryParts(name: string): string[] {
    const parts = safeParts(name);
    if (parts.length === 0 || this.#title.some((part, index) => parts[index] !== part))
      throw new UnsafePathError(`outside ${this.#title.join("/")}`);
    for (let length = 1; length < parts.length; length++)
      if (this.#links.has(this.#path(parts.slice(0, length)))) throw new UnsafePathError("a path through a link");
    return parts;
  }

  #makeParents(parts: readonly string[]): void {
    for (let length = 1; length < parts.length; length++) {
      const path = this.#path(parts.slice(0, length));
      if (this.#folders.has(path)) continue;
      writing(path, () => mkdirSync(path, { mode: 0o700, recursive: true }));
      this.#folders.set(path, undefined);
    }
  }

  #makeFolder(parts: readonly string[], header: Header): void {
    const path = this.#path(parts);
    if (!this.#folders.has(path)) this.#make(path, () => mkdirSync(path, { mode: 0o700 }));
    this.#folders.set(path, header);
  }

  #link(parts: readonly string[], header: Header): void {
    const target = header.linkname;
    if (parts.length === this.#title.length) throw unsafeEntry(header.name, "a link in the place of the folder");
    this.#checked(header.name, () => checkLinkTarget(parts, target));
    const path = this.#path(parts);
    this.#make(path, () => symlinkSync(target, path));
    writing(path, () => lutimesSync(path, header.mtime, header.mtime));
    this.#links.add(path);
  }

  /** Links that stay inside by their letters may lead out together: that shows only when all of them are there. */
  #checkEnd(path: string): void {
    const root = byteString(realpathSync(this.#path(this.#title)));
    const link = byteString(join(realpathSync(dirname(path)), basename(path)));
    if (followLink(root, link, readlinkSync(path, { encoding: "latin1" })) === "outside")
      throw unsafeEntry(relative(this.#folder, path), "a link out of the folder, by way of others");
  }

  #hardLink(parts: readonly string[], header: Header): void {
    const first = this.#path(this.#checked(header.name, () => this.#entryParts(header.linkname)));
    if (this.#links.has(first)) throw unsafeEntry(header.name, "a hard link to a symbolic link");
    const path = this.#path(parts);
    this.#make(path, () => linkSync(first, path));
  }

  async #write(path: string, header: Header, content: AsyncIterable<Buffer>): Promise<void> {
    const file = this.#make(path, () => openSync(path, "wx", 0o600));
    const bytes = unbroken(content, this.#title.join("/"));
    try {
      if (header.size <= SMALL_FILE) writeSmall(file, await collected(bytes));
      else await writeSparse(file, bytes);
      fchmodSync(file, header.mode & RESTORED_MODE);
      futimesSync(file, header.mtime, header.mtime);
    } catch (error) {
      throw error instanceof ToolError ? error : unwritable(path, error);
    } finally {
      closeSync(file);
    }
  }

  /** Makes what an entry is. An archive may hold a name twice: the last one counts, as for tar. */
  #make<T>(path: string, make: () => T): T {
    return writing(path, () => {
      try {
        return make();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        rmSync(path);
        this.#links.delete(path);
        return make();
      }
    });
  }

  #path(parts: readonly string[]): string {
    return join(this.#folder, ...parts);
  }

  #checked<T>(name: string, check: () => T): T {
    try {
      return check();
    } catch (error) {
      throw error instanceof UnsafePathError ? unsafeEntry(name, error.message) : error;
    }
  }
}

function writeSmall(file: number, content: Buffer): void {
  for (const [start, end] of dataRanges(content))
    for (let done = start; done < end; ) done += writeSync(file, content, done, end - done, done);
  ftruncateSync(file, content.length);
}

async function collected(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/** Writes a stream to a new file and leaves holes for long runs of zeros. */
export async function writeSparse(file: number, content: AsyncIterable<Buffer>): Promise<void> {
  let position = 0;
  for await (const chunk of content) {
    for (const [start, end] of dataRanges(chunk)) await writeAll(file, chunk.subarray(start, end), position + start);
    position += chunk.length;
  }
  ftruncateSync(file, position);
}

/** The parts of a chunk between its long runs of zeros: where each begins and ends. */
function* dataRanges(chunk: Buffer): Generator<readonly [start: number, end: number]> {
  for (let start = 0; start < chunk.length; ) {
    const zeros = zerosFrom(chunk, start);
    const end = zeros > start ? zeros : nextHole(chunk, start);
    if (zeros === start) yield [start, end];
    start = end;
  }
}

/** Where the run of whole zero blocks that begins at `start` ends; `start` where none begins. */
function zerosFrom(chunk: Buffer, start: number): number {
  let end = start;
  while (end + HOLE.length <= chunk.length && chunk.compare(HOLE, 0, HOLE.length, end, end + HOLE.length) === 0)
    end += HOLE.length;
  return end;
}

/** Where the next zero block begins, looked for a block at a time. */
function nextHole(chunk: Buffer, start: number): number {
  let end = start + HOLE.length;
  while (end < chunk.length && zerosFrom(chunk, end) === end) end += HOLE.length;
  return Math.min(end, chunk.length);
}

async function writeAll(file: number, data: Buffer, position: number): Promise<void> {
  for (let done = 0; done < data.length; )
    done += (await write(file, data, done, data.length - done, position + done)).bytesWritten;
}

/** An entry's content; where it breaks off, the archive is to blame and not the file that it is written to. */
async function* unbroken(content: AsyncIterable<Buffer>, title: string): AsyncGenerator<Buffer> {
  try {
    yield* content;
  } catch (error) {
    throw error instanceof ToolError ? error : brokenArchive(title, error);
  }
}

async function drain(content: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of content);
}

function writing<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): ToolError {
  return new ToolError("cannotCreate", `cannot write ${path}`, { why: reasonOf(error), cause: error });
}

function unsafeEntry(name: string, why: string): ToolError {
  return new ToolError("registry", `the artifact holds an entry that is refused: ${JSON.stringify(name)}`, { why });
}

function brokenArchive(title: string, error: unknown): ToolError {
  return new ToolError("registry", `the layer ${title} is not a whole tar archive`, {
    why: reasonOf(error),
    cause: error,
  });
}
