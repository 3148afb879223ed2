import type { BytePath } from "shared/fs/byte-path";

/** One entry of an archive, as it says it. */
export interface ArchiveEntry {
  readonly name: BytePath;
  /** `other` for what is neither, such as a device; its type flag stands in `flag`. */
  readonly type: "file" | "directory" | "symlink" | "link" | "other";
  /** The type flag, one character. */
  readonly flag: string;
  /** What a link points to; empty for anything else. */
  readonly target: BytePath;
  /** Of the content, in bytes. */
  readonly size: number;
  /** All twelve bits. */
  readonly mode: number;
  readonly mtime: Date;
  /** Its bytes, to be read before the next entry is asked for; what is left of them then is passed over. */
  readonly content: Iterable<Buffer> | AsyncIterable<Buffer>;
}

/** What is wrong with an archive. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
}

const BLOCK = 512;

/** The longest extended header that is read, in bytes. */
const MAX_EXTENDED = 1 << 20;

const TYPES: Readonly<Record<string, ArchiveEntry["type"]>> = {
  "\0": "file",
  "0": "file",
  "1": "link",
  "2": "symlink",
  "5": "directory",
  "7": "file",
};

/** What extended headers say of the entry that follows, in the place of its own header (POSIX.1, pax, "pax Header Block"). */
type Records = Readonly<Record<string, BytePath>>;

/**
 * The entries of a tar archive of any dialect in use: USTAR, PAX and GNU's, with names as bytes. Reads the archive to its
 * end, whatever follows the last entry. Throws {@link ArchiveError} for what is no archive or breaks off.
 */
export async function* readArchive(archive: AsyncIterable<Buffer>): AsyncGenerator<ArchiveEntry> {
  const source = new Source(archive);
  try {
    yield* entries(source);
    await source.drain();
  } finally {
    await source.close();
  }
}

async function* entries(source: Source): AsyncGenerator<ArchiveEntry> {
  let everywhere: Records = {};
  let next: Records = {};
  for (;;) {
    const block = await source.take(BLOCK);
    if (block.length === 0 || isEmpty(block)) break;
    const header = decodeHeader(block);
    if (header.flag === "g") everywhere = { ...everywhere, ...parseRecords(await source.extended(header.size)) };
    else if (header.flag === "x") next = { ...next, ...parseRecords(await source.extended(header.size)) };
    else if (header.flag === "L") next = { ...next, path: untilNul(await source.extended(header.size)) };
    else if (header.flag === "K") next = { ...next, linkpath: untilNul(await source.extended(header.size)) };
    else {
      const entry = withRecords(header, { ...everywhere, ...next });
      next = {};
      // A link or a folder has no content, whatever its size says: that of what it stands for.
      source.open(entry.type === "file" || entry.type === "other" ? entry.size : 0);
      yield { ...entry, content: source.content() };
      await source.skip();
    }
  }
  if (Object.keys(next).length > 0) throw new ArchiveError("it ends before the entry of an extended header");
}

/** The bytes of an archive, taken in blocks and in contents that are padded to whole blocks. */
class Source {
  readonly #iterator: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  /** What is left of the content that is open, and of its padding. */
  #left = 0;
  #padding = 0;

  constructor(archive: AsyncIterable<Buffer>) {
    this.#iterator = archive[Symbol.asyncIterator]();
  }

  /** So many bytes; none where the archive ends. */
  async take(size: number): Promise<Buffer> {
    if (this.#rest.length < size) {
      const pieces = [this.#rest];
      let length = this.#rest.length;
      while (length < size) {
        const piece = await this.#iterator.next();
        if (piece.done === true) break;
        pieces.push(piece.value);
        length += piece.value.length;
      }
      this.#rest = Buffer.concat(pieces, length);
      if (length > 0 && length < size) throw new ArchiveError("it breaks off");
    }
    return this.#cut(size);
  }

  /** The content of an extended header. */
  async extended(size: number): Promise<Buffer> {
    if (size > MAX_EXTENDED) throw new ArchiveError("an extended header is too long");
    const padded = await this.take(Math.ceil(size / BLOCK) * BLOCK);
    if (padded.length < size) throw new ArchiveError("it breaks off");
    return padded.subarray(0, size);
  }

  /** Begins a content of so many bytes. */
  open(size: number): void {
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
  }

  /** What is left of the content; at once where it is at hand, for a round trip a file costs more than the file. */
  content(): Iterable<Buffer> | AsyncIterable<Buffer> {
    if (this.#left === 0) return [];
    if (this.#rest.length >= this.#left) return [this.#some()];
    return this.#pieces();
  }

  /** Passes over what is left of the content, and its padding. */
  async skip(): Promise<void> {
    let left = this.#left + this.#padding;
    this.#left = 0;
    for (;;) {
      left -= this.#cut(left).length;
      if (left === 0) return;
      await this.#more();
    }
  }

  /** Reads to the end. */
  async drain(): Promise<void> {
    while ((await this.#iterator.next()).done !== true);
  }

  /** Lets go of the archive. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  async *#pieces(): AsyncGenerator<Buffer> {
    while (this.#left > 0) {
      if (this.#rest.length === 0) await this.#more();
      else yield this.#some();
    }
  }

  /** The next bytes, where all that came before are taken. */
  async #more(): Promise<void> {
    const piece = await this.#iterator.next();
    if (piece.done === true) throw new ArchiveError("it breaks off");
    this.#rest = piece.value;
  }

  #some(): Buffer {
    const piece = this.#cut(this.#left);
    this.#left -= piece.length;
    return piece;
  }

  #cut(size: number): Buffer {
    const piece = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }
}

type Header = Omit<ArchiveEntry, "content">;

function decodeHeader(block: Buffer): Header {
  const field = (start: number, length: number) => untilNul(block.subarray(start, start + length));
  let sum = 8 * 0x20;
  for (const [index, byte] of block.entries()) if (index < 148 || index >= 156) sum += byte;
  if (sum !== numberOf(block.subarray(148, 156))) throw new ArchiveError("a header's checksum is wrong");
  const flag = String.fromCharCode(block[156] as number);
  // GNU's own format has other things where USTAR has the first part of a long name.
  const prefix = field(257, 8) === "ustar" ? field(345, 155) : "";
  const name = prefix === "" ? field(0, 100) : `${prefix}/${field(0, 100)}`;
  // Archives from before USTAR know folders by their slash.
  const folder = (flag === "0" || flag === "\0") && name.endsWith("/");
  return {
    name,
    type: folder ? "directory" : (TYPES[flag] ?? "other"),
    flag,
    target: field(157, 100),
    size: lengthOf(numberOf(block.subarray(124, 136))),
    mode: numberOf(block.subarray(100, 108)) & 0o7777,
    mtime: timeOf(numberOf(block.subarray(136, 148))),
  };
}

function withRecords(header: Header, { path, linkpath, size, mtime }: Records): Header {
  return {
    ...header,
    ...(path === undefined ? {} : { name: path }),
    ...(linkpath === undefined ? {} : { target: linkpath }),
    ...(size === undefined ? {} : { size: lengthOf(decimal(size)) }),
    ...(mtime === undefined ? {} : { mtime: timeOf(decimal(mtime)) }),
  };
}

/** The records of an extended header, `LENGTH KEY=VALUE\n` each, the length counting itself. */
function parseRecords(content: Buffer): Records {
  const records: Record<string, BytePath> = {};
  for (let position = 0; position < content.length; ) {
    const blank = content.indexOf(" ", position);
    const end = position + Number(content.toString("latin1", position, blank));
    const record = content.toString("latin1", blank + 1, end);
    const equals = record.indexOf("=");
    if (blank < 0 || !(end > blank && end <= content.length) || equals < 1 || !record.endsWith("\n"))
      throw new ArchiveError("an extended header is wrong");
    records[record.slice(0, equals)] = record.slice(equals + 1, -1);
    position = end;
  }
  return records;
}

function lengthOf(size: number): number {
  if (!Number.isSafeInteger(size) || size < 0) throw new ArchiveError("an entry has a size that is none");
  return size;
}

function timeOf(seconds: number): Date {
  const time = new Date(seconds * 1000);
  if (Number.isNaN(time.getTime())) throw new ArchiveError("an entry has a time that is none");
  return time;
}

function decimal(text: string): number {
  const value = /^-?\d+(\.\d*)?$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw new ArchiveError("an extended header holds a number that is none");
  return value;
}

/** A number of a header: octal digits, or what does not fit in these as GNU writes it, in base 256 with a mark. */
function numberOf(field: Buffer): number {
  const first = field[0] as number;
  if ((first & 0x80) === 0) {
    const digits = untilNul(field).trim();
    if (!/^[0-7]*$/.test(digits)) throw new ArchiveError("a header holds a number that is none");
    return digits === "" ? 0 : Number.parseInt(digits, 8);
  }
  // Two's complement of all bits but the mark.
  let value = (first & 0x40) === 0 ? first & 0x3f : (first & 0x3f) - 0x40;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  if (!Number.isSafeInteger(value)) throw new ArchiveError("a header holds a number that is too large");
  return value;
}

function untilNul(field: Buffer): BytePath {
  const end = field.indexOf(0);
  return field.toString("latin1", 0, end < 0 ? field.length : end);
}

function isEmpty(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}
