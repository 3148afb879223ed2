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
  rmSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { type BytePath, type RawPath, rawPath, realBytePath, shownPath } from "shared/fs/byte-path";
import { cannotWrite, writingRaw } from "shared/fs/path-failure";
import { isSystemError, systemCode } from "shared/fs/system-error";
import { checkLinkTarget, safeParts, UnsafePathError } from "./entry-path.ts";
import { followLink } from "./link.ts";
import type { ArchiveEntry } from "./read.ts";
import { writeSmall, writeSparse } from "./sparse-file.ts";

/** The bits of a mode that are restored: the permissions and the sticky bit, but never set-user-ID or set-group-ID. */
const RESTORED_MODE = 0o1777;

/**
 * Files up to this size, in bytes, are written synchronously. For such a file, an asynchronous call would take longer
 * than the write itself.
 */
const SMALL_FILE = 256 << 10;

/**
 * Extracts one archive into a folder. The title of the layer is a path. All entries must be at this path or below it.
 * `add` and `finish` throw `registry` for an unsafe entry, and `cannotCreate` for a path that cannot be written.
 */
export class Extraction {
  /** The number of regular files that were extracted so far. */
  files = 0;
  readonly #folder: BytePath;
  /** The parts of the title. */
  readonly #title: readonly BytePath[];
  /** The paths of the symbolic links that were created so far. */
  readonly #links = new Set<BytePath>();
  /**
   * Maps the path of each created folder to its entry, in the order of creation. The value is undefined if the archive
   * has no entry for the folder.
   */
  readonly #folders = new Map<BytePath, ArchiveEntry | undefined>();

  constructor(folder: BytePath, title: BytePath) {
    this.#folder = folder;
    this.#title = safeParts(title);
  }

  /** Extracts one entry. */
  async add(entry: ArchiveEntry): Promise<void> {
    const parts = this.#checked(entry.name, () => this.#safeEntryParts(entry.name));
    // If the title of the layer is `.`, the root entry of the archive is the target folder itself. This folder exists
    // already, and keeps its mode.
    if (parts.length === 0 && entry.type === "directory") return;
    if (parts.length === 0) throw unsafeEntry(entry.name, "an entry that replaces the folder");
    this.#createParents(parts);
    switch (entry.type) {
      case "directory":
        return this.#createFolder(parts, entry);
      case "symlink":
        return this.#createLink(parts, entry);
      case "link":
        return this.#createHardLink(parts, entry);
      case "file":
        this.files++;
        return this.#writeFile(this.#path(parts), entry);
      case "other":
        throw unsafeEntry(entry.name, `an entry of type ${JSON.stringify(entry.flag)}`);
    }
  }

  /**
   * Checks the links, and restores the modes and times of folders. Call this only after the last entry, for two
   * reasons. A new entry changes the time of the folder that contains the entry. The restored mode of a folder can
   * prevent new entries in this folder.
   */
  finish(): void {
    this.#createParents([...this.#title, ""]);
    for (const path of this.#links) this.#checkLinkEnd(path);
    for (const [path, entry] of [...this.#folders].reverse())
      writingRaw(path, (raw) => {
        chmodSync(raw, entry === undefined ? 0o755 : entry.mode & RESTORED_MODE);
        if (entry !== undefined) utimesSync(raw, entry.mtime, entry.mtime);
      });
  }

  /**
   * Splits an entry's name into its parts. Throws {@link UnsafePathError} if the entry is outside of the path that the
   * title names, or if a parent folder of the entry is a symbolic link.
   */
  #safeEntryParts(name: BytePath): BytePath[] {
    const parts = safeParts(name);
    if (this.#title.some((part, index) => parts[index] !== part))
      throw new UnsafePathError(`a path outside of ${this.#title.join("/")}`);
    for (let length = 1; length < parts.length; length++)
      if (this.#links.has(this.#path(parts.slice(0, length)))) throw new UnsafePathError("a path through a link");
    return parts;
  }

  #createParents(parts: readonly BytePath[]): void {
    for (let length = 1; length < parts.length; length++) {
      const path = this.#path(parts.slice(0, length));
      if (this.#folders.has(path)) continue;
      writingRaw(path, (raw) => mkdirSync(raw, { mode: 0o700, recursive: true }));
      this.#folders.set(path, undefined);
    }
  }

  #createFolder(parts: readonly BytePath[], entry: ArchiveEntry): void {
    const path = this.#path(parts);
    if (!this.#folders.has(path)) this.#create(path, (raw) => mkdirSync(raw, { mode: 0o700 }));
    this.#folders.set(path, entry);
  }

  #createLink(parts: readonly BytePath[], { name, target, mtime }: ArchiveEntry): void {
    if (parts.length === this.#title.length) throw unsafeEntry(name, "a link that replaces the folder");
    this.#checked(name, () => checkLinkTarget(parts, target, this.#title.length));
    const path = this.#path(parts);
    this.#create(path, (raw) => symlinkSync(rawPath(target), raw));
    writingRaw(path, (raw) => lutimesSync(raw, mtime, mtime));
    this.#links.add(path);
  }

  /**
   * Checks where one link ends. Each link may be safe alone, but several links together may lead out of the folder. All
   * links must exist before this check.
   */
  #checkLinkEnd(path: BytePath): void {
    const root = realBytePath(this.#path(this.#title));
    const link = join(realBytePath(dirname(path)), basename(path));
    if (followLink(root, link, readlinkSync(rawPath(path), { encoding: "latin1" })) === "outside")
      throw unsafeEntry(relative(this.#folder, path), "a link out of the folder, through other links");
  }

  #createHardLink(parts: readonly BytePath[], { name, target }: ArchiveEntry): void {
    const existing = this.#path(this.#checked(name, () => this.#safeEntryParts(target)));
    if (this.#links.has(existing)) throw unsafeEntry(name, "a hard link to a symbolic link");
    this.#create(this.#path(parts), (raw) => linkSync(rawPath(existing), raw));
  }

  async #writeFile(path: BytePath, { size, mode, mtime, content }: ArchiveEntry): Promise<void> {
    const file = this.#create(path, (raw) => openSync(raw, "wx", 0o600));
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

  /**
   * Creates a path with `create`. If an earlier entry has the same name, the new entry replaces the earlier entry, as
   * in tar.
   */
  #create<T>(path: BytePath, create: (raw: RawPath) => T): T {
    return writingRaw(path, (raw) => {
      try {
        return create(raw);
      } catch (error) {
        if (systemCode(error) !== "EEXIST") throw error;
        rmSync(raw);
        this.#links.delete(path);
        return create(raw);
      }
    });
  }

  #path(parts: readonly BytePath[]): BytePath {
    return join(this.#folder, ...parts);
  }

  /** Calls `check`. Throws `registry` with the entry's name if `check` finds an unsafe path. */
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
  return new ToolError("registry", `the artifact contains an unsafe entry: ${JSON.stringify(shownPath(name))}`, {
    why,
  });
}
