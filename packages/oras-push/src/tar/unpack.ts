import {
  chmodSync,
  closeSync,
  fchmodSync,
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
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { cannotWrite, writingRaw } from "shared/fs/path-failure";
import { isSystemError, reasonOf, systemCode } from "shared/fs/system-error";
import { checkLinkTarget, safeParts, UnsafePathError } from "./entry-path.ts";
import { type ArchiveEntry, ArchiveError, readArchive } from "./read.ts";
import { writeSmall, writeSparse } from "./sparse-file.ts";
import { followLink } from "./walk.ts";
import { type BytePath, toBytePath, rawPath, shownPath } from "shared/fs/byte-path";

/** What an unpacked archive held. */
export interface UnpackResult {
  /** Number of regular files. */
  readonly files: number;
}

/** What of a mode is restored: who may do what, and the sticky bit; never set-user-ID or set-group-ID. */
const RESTORED_MODE = 0o1777;

/** Files up to this size are written without an asynchronous round trip, which would cost more than the writing; in bytes. */
const SMALL_FILE = 256 << 10;

/**
 * Unpacks a tar archive below an empty folder, where every entry has to lie under `title`, which is `.` for that folder
 * itself. Modes and times are restored whatever the umask; owners are not. Throws `registry`, naming the entry, for one
 * that is absolute, leads out of the folder, passes through a link of the archive, or is a link that leads out;
 * `registry` for what is no archive or breaks off; `cannotCreate` for what can't be written. What `archive` throws for
 * another reason is thrown.
 */
export async function unpack(archive: AsyncIterable<Buffer>, folder: string, title: string): Promise<UnpackResult> {
  const unpacking = new Unpacking(toBytePath(folder), toBytePath(title));
  try {
    for await (const entry of readArchive(archive)) await unpacking.add(entry);
  } catch (error) {
    throw isBroken(error) ? brokenArchive(title, error) : error;
  }
  unpacking.finish();
  return { files: unpacking.files };
}

/** Whether a failure is the archive's, or that of the compressed stream that it came in. */
function isBroken(error: unknown): boolean {
  return error instanceof ArchiveError || /^Z/.test(systemCode(error) ?? "");
}

class Unpacking {
  files = 0;
  readonly #folder: BytePath;
  readonly #title: readonly BytePath[];
  readonly #links = new Set<BytePath>();
  readonly #folders = new Map<BytePath, ArchiveEntry | undefined>();

  constructor(folder: BytePath, title: BytePath) {
    this.#folder = folder;
    this.#title = safeParts(title);
  }

  async add(entry: ArchiveEntry): Promise<void> {
    const parts = this.#checked(entry.name, () => this.#entryParts(entry.name));
    // Of a layer titled `.`: the folder that it is restored into, which is there and stays as it is.
    if (parts.length === 0 && entry.type === "directory") return;
    if (parts.length === 0) throw unsafeEntry(entry.name, "an entry in the place of the folder");
    this.#makeParents(parts);
    switch (entry.type) {
      case "directory":
        return this.#makeFolder(parts, entry);
      case "symlink":
        return this.#link(parts, entry);
      case "link":
        return this.#hardLink(parts, entry);
      case "file":
        this.files++;
        return this.#write(this.#path(parts), entry);
      case "other":
        throw unsafeEntry(entry.name, `an entry of type ${JSON.stringify(entry.flag)}`);
    }
  }

  /** Folders get their modes and times last: a file made in them would change the one and may be forbidden by the other. */
  finish(): void {
    this.#makeParents([...this.#title, ""]);
    for (const path of this.#links) this.#checkEnd(path);
    for (const [path, entry] of [...this.#folders].reverse())
      writingRaw(path, (raw) => {
        chmodSync(raw, entry === undefined ? 0o755 : entry.mode & RESTORED_MODE);
        if (entry !== undefined) utimesSync(raw, entry.mtime, entry.mtime);
      });
  }

  #entryParts(name: BytePath): BytePath[] {
    const parts = safeParts(name);
    if (this.#title.some((part, index) => parts[index] !== part))
      throw new UnsafePathError(`outside ${this.#title.join("/")}`);
    for (let length = 1; length < parts.length; length++)
      if (this.#links.has(this.#path(parts.slice(0, length)))) throw new UnsafePathError("a path through a link");
    return parts;
  }

  #makeParents(parts: readonly BytePath[]): void {
    for (let length = 1; length < parts.length; length++) {
      const path = this.#path(parts.slice(0, length));
      if (this.#folders.has(path)) continue;
      writingRaw(path, (raw) => mkdirSync(raw, { mode: 0o700, recursive: true }));
      this.#folders.set(path, undefined);
    }
  }

  #makeFolder(parts: readonly BytePath[], entry: ArchiveEntry): void {
    const path = this.#path(parts);
    if (!this.#folders.has(path)) this.#make(path, (raw) => mkdirSync(raw, { mode: 0o700 }));
    this.#folders.set(path, entry);
  }

  #link(parts: readonly BytePath[], { name, target, mtime }: ArchiveEntry): void {
    if (parts.length === this.#title.length) throw unsafeEntry(name, "a link in the place of the folder");
    this.#checked(name, () => checkLinkTarget(parts, target, this.#title.length));
    const path = this.#path(parts);
    this.#make(path, (raw) => symlinkSync(rawPath(target), raw));
    writingRaw(path, (raw) => lutimesSync(raw, mtime, mtime));
    this.#links.add(path);
  }

  /** Links that stay inside by their letters may lead out together: that shows only when all of them are there. */
  #checkEnd(path: BytePath): void {
    const real = (of: BytePath) => realpathSync(rawPath(of), { encoding: "latin1" });
    const root = real(this.#path(this.#title));
    const link = join(real(dirname(path)), basename(path));
    if (followLink(root, link, readlinkSync(rawPath(path), { encoding: "latin1" })) === "outside")
      throw unsafeEntry(relative(this.#folder, path), "a link out of the folder, by way of others");
  }

  #hardLink(parts: readonly BytePath[], { name, target }: ArchiveEntry): void {
    const first = this.#path(this.#checked(name, () => this.#entryParts(target)));
    if (this.#links.has(first)) throw unsafeEntry(name, "a hard link to a symbolic link");
    this.#make(this.#path(parts), (raw) => linkSync(rawPath(first), raw));
  }

  async #write(path: BytePath, { size, mode, mtime, content }: ArchiveEntry): Promise<void> {
    const file = this.#make(path, (raw) => openSync(raw, "wx", 0o600));
    try {
      if (size <= SMALL_FILE) writeSmall(file, await collected(content));
      else await writeSparse(file, content);
      fchmodSync(file, mode & RESTORED_MODE);
      futimesSync(file, mtime, mtime);
    } catch (error) {
      throw isSystemError(error) ? cannotWrite(shownPath(path), error) : error;
    } finally {
      closeSync(file);
    }
  }

  /** Makes what an entry is. An archive may hold a name twice: the last one counts, as for tar. */
  #make<T>(path: BytePath, make: (raw: Buffer) => T): T {
    return writingRaw(path, (raw) => {
      try {
        return make(raw);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        rmSync(raw);
        this.#links.delete(path);
        return make(raw);
      }
    });
  }

  #path(parts: readonly BytePath[]): BytePath {
    return join(this.#folder, ...parts);
  }

  #checked<T>(name: BytePath, check: () => T): T {
    try {
      return check();
    } catch (error) {
      throw error instanceof UnsafePathError ? unsafeEntry(name, shownPath(error.message)) : error;
    }
  }
}

async function collected(content: ArchiveEntry["content"]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

function unsafeEntry(name: BytePath, why: string): ToolError {
  return new ToolError("registry", `the artifact holds an entry that is refused: ${JSON.stringify(shownPath(name))}`, {
    why,
  });
}

function brokenArchive(title: string, error: unknown): ToolError {
  return new ToolError("registry", `the layer ${title} is not a whole tar archive`, {
    why: reasonOf(error),
    cause: error,
  });
}
