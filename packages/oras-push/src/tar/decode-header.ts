import type { BytePath } from "shared/fs/byte-path";
import { ArchiveError } from "./archive-error.ts";

/** The decoded header of an entry in an archive. */
export interface EntryHeader {
  readonly name: BytePath;
  /**
   * The kind of the entry. `other` means a kind that is not in this list, such as a device. In this case, `flag`
   * contains the kind.
   */
  readonly type: "file" | "directory" | "symlink" | "link" | "other";
  /** The type flag, one character. */
  readonly flag: string;
  /** The target of a link. Empty for other entries. */
  readonly target: BytePath;
  /** Size of the content, in bytes. */
  readonly size: number;
  /** All twelve bits of the mode. */
  readonly mode: number;
  readonly mtime: Date;
}

/**
 * The records of extended headers. A record overrides a value in the main header of an entry (POSIX.1, pax, "pax Header
 * Block").
 */
export type Records = Readonly<Record<string, BytePath>>;

const TYPES: Readonly<Record<string, EntryHeader["type"]>> = {
  "\0": "file",
  "0": "file",
  "1": "link",
  "2": "symlink",
  "5": "directory",
  "7": "file",
};

/** Decodes a header from its block. Throws {@link ArchiveError} if the checksum or a number in the header is wrong. */
export function decodeHeader(block: Buffer): EntryHeader {
  checkSum(block);
  const flag = String.fromCharCode(block[156] as number);
  const name = nameIn(block);
  // In formats older than USTAR, only a trailing slash identifies a folder.
  const folder = (flag === "0" || flag === "\0") && name.endsWith("/");
  return {
    name,
    type: folder ? "directory" : (TYPES[flag] ?? "other"),
    flag,
    target: textIn(block, 157, 100),
    size: toSize(numberIn(block, 124, 12)),
    mode: numberIn(block, 100, 8) & 0o7777,
    mtime: toTime(numberIn(block, 136, 12)),
  };
}

/**
 * Returns a copy of a header. If a record has a value for a field, this value replaces the header's value. Throws
 * {@link ArchiveError} if a value of a record is invalid.
 */
export function withRecords(header: EntryHeader, { path, linkpath, size, mtime }: Records): EntryHeader {
  return {
    ...header,
    ...(path === undefined ? {} : { name: path }),
    ...(linkpath === undefined ? {} : { target: linkpath }),
    ...(size === undefined ? {} : { size: toSize(decimal(size)) }),
    ...(mtime === undefined ? {} : { mtime: toTime(decimal(mtime)) }),
  };
}

/**
 * Parses the records of an extended header. Each record has the form `LENGTH KEY=VALUE\n`. `LENGTH` is the number of
 * bytes in the whole record, including the digits of `LENGTH`. Throws {@link ArchiveError} if a record is invalid.
 */
export function parseRecords(content: Buffer): Records {
  const records: Record<string, BytePath> = {};
  for (let position = 0; position < content.length; ) {
    const space = content.indexOf(" ", position);
    const end = position + Number(content.toString("latin1", position, space));
    const record = content.toString("latin1", space + 1, end);
    const equals = record.indexOf("=");
    if (space < 0 || !(end > space && end <= content.length) || equals < 1 || !record.endsWith("\n"))
      throw new ArchiveError("an extended header has an invalid record");
    records[record.slice(0, equals)] = record.slice(equals + 1, -1);
    position = end;
  }
  return records;
}

/** The text before the first NUL byte. */
export function untilNul(field: Buffer): BytePath {
  const end = field.indexOf(0);
  return field.toString("latin1", 0, end < 0 ? field.length : end);
}

/** Checks a header's checksum. For the computation, the bytes of the checksum field count as spaces. */
function checkSum(block: Buffer): void {
  let sum = 8 * 0x20;
  for (const [index, byte] of block.entries()) if (index < 148 || index >= 156) sum += byte;
  if (sum !== numberIn(block, 148, 8)) throw new ArchiveError("a header has a wrong checksum");
}

/**
 * Reads the name of an entry. Reads the prefix field only in the USTAR format, because GNU's format stores other values
 * in this field.
 */
function nameIn(block: Buffer): BytePath {
  const prefix = textIn(block, 257, 8) === "ustar" ? textIn(block, 345, 155) : "";
  const name = textIn(block, 0, 100);
  return prefix === "" ? name : `${prefix}/${name}`;
}

function textIn(block: Buffer, start: number, length: number): BytePath {
  return untilNul(block.subarray(start, start + length));
}

/**
 * Reads a number from a header. Usually, the field contains octal digits. In GNU's format, the field contains a number
 * in base 256 if the first bit of the field is set.
 */
function numberIn(block: Buffer, start: number, length: number): number {
  const field = block.subarray(start, start + length);
  if (((field[0] as number) & 0x80) !== 0) return base256(field);
  const digits = untilNul(field).trim();
  if (!/^[0-7]*$/.test(digits)) throw new ArchiveError("a header has an invalid number");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** Decodes a number in base 256. All bits after the first bit form one number in two's complement. */
function base256(field: Buffer): number {
  const first = field[0] as number;
  let value = (first & 0x40) === 0 ? first & 0x3f : (first & 0x3f) - 0x40;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  if (!Number.isSafeInteger(value)) throw new ArchiveError("a header has a number that is too large");
  return value;
}

function decimal(text: string): number {
  const value = /^-?\d+(\.\d*)?$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw new ArchiveError("an extended header has an invalid number");
  return value;
}

function toSize(size: number): number {
  if (!Number.isSafeInteger(size) || size < 0) throw new ArchiveError("an entry has an invalid size");
  return size;
}

function toTime(seconds: number): Date {
  const time = new Date(seconds * 1000);
  if (Number.isNaN(time.getTime())) throw new ArchiveError("an entry has an invalid time");
  return time;
}
