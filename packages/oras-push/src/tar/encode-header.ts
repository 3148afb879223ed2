import type { BytePath } from "shared/fs/byte-path";
import type { TreeEntry } from "./walk.ts";

/**
 * The size of a block of an archive, in bytes. Headers fill whole blocks, and each content is padded to whole blocks.
 */
export const BLOCK_SIZE = 512;

/**
 * The number of zero bytes at the end of an archive: two empty blocks. The archive must not contain more zeros after
 * these blocks. `oras pull` would leave the additional zeros out of the content digest, and the digest would not match.
 */
export const TRAILER_SIZE: number = 2 * BLOCK_SIZE;

/** The largest size or time that fits into eleven octal digits. */
const MAX_OCTAL = 8 ** 11 - 1;

/**
 * The placeholder for a name or a link target that does not fit into the main header. The extended header has the real
 * value.
 */
const PLACEHOLDER = "PaxHeader";

const TYPE_FLAGS = { file: "0", symlink: "2", directory: "5", extended: "x" } as const;

interface UstarFields {
  readonly name: BytePath;
  readonly prefix: BytePath;
  readonly mode: number;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly type: keyof typeof TYPE_FLAGS;
  readonly linkname: BytePath;
}

/** A list of PAX records. Each record has a key and a value. */
type Records = [key: string, value: BytePath][];

/**
 * Encodes the header of an entry. The main header is a USTAR header. If a value does not fit into the main header, a
 * PAX extended header comes before the main header (POSIX.1, pax, "ustar Interchange Format" and "pax Header Block").
 * `size` is the size of the content in bytes. `latest` is a time in seconds since 1970. A modification time after
 * `latest` is replaced with `latest`. The owner and the group have the ID zero and an empty name.
 */
export function encodeEntry(entry: TreeEntry, size: number, latest: number): Buffer {
  const records: Records = [];
  const fields: UstarFields = {
    ...nameFields(entry.name, records),
    linkname: linkField(entry.target ?? "", records),
    size: numberField("size", size, records),
    mtime: numberField("mtime", Math.min(Math.floor(entry.stats.mtimeMs / 1000), latest), records),
    mode: entry.type === "symlink" ? 0o777 : entry.stats.mode & 0o7777,
    type: entry.type,
  };
  return records.length === 0
    ? encodeUstar(fields)
    : Buffer.concat([encodeExtended(records, fields), encodeUstar(fields)]);
}

/** Returns the number of zero bytes after a content of `size` bytes. These bytes fill the last block. */
export function paddingOf(size: number): number {
  return (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE;
}

/**
 * Returns the name fields of the main header. If the name does not fit into these fields, this function adds the name
 * to `records`, and returns a placeholder.
 */
function nameFields(name: BytePath, records: Records): Pick<UstarFields, "name" | "prefix"> {
  const split = isPlain(name) ? splitName(name) : undefined;
  if (split !== undefined) return split;
  records.push(["path", name]);
  return { name: PLACEHOLDER, prefix: "" };
}

function linkField(target: BytePath, records: Records): BytePath {
  if (isPlain(target) && target.length <= 100) return target;
  records.push(["linkpath", target]);
  return PLACEHOLDER;
}

function numberField(key: string, value: number, records: Records): number {
  if (value >= 0 && value <= MAX_OCTAL) return value;
  records.push([key, String(value)]);
  return 0;
}

function encodeExtended(records: Records, { mode, mtime }: UstarFields): Buffer {
  const content = Buffer.concat(records.map(([key, value]) => encodeRecord(key, value)));
  const header = { name: PLACEHOLDER, prefix: "", mode, mtime, size: content.length, linkname: "" };
  return Buffer.concat([
    encodeUstar({ ...header, type: "extended" }),
    content,
    Buffer.alloc(paddingOf(content.length)),
  ]);
}

/**
 * Encodes one record of an extended header. The record has the form `LENGTH KEY=VALUE\n`. `LENGTH` is the number of
 * bytes in the whole record, including the digits of `LENGTH`.
 */
function encodeRecord(key: string, value: BytePath): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + String(rest.length).length;
  if (rest.length + String(length).length !== length) length++;
  return Buffer.from(`${length}${rest}`, "latin1");
}

/**
 * A header block with the fields that are equal in all headers. The checksum field contains spaces, because the
 * checksum of a header is computed as if this field contained spaces.
 */
const TEMPLATE = Buffer.alloc(BLOCK_SIZE);
TEMPLATE.write("0000000", 108, "latin1");
TEMPLATE.write("0000000", 116, "latin1");
TEMPLATE.fill(" ", 148, 156);
TEMPLATE.write("ustar\x0000", 257, "latin1");
TEMPLATE.write("0000000", 329, "latin1");
TEMPLATE.write("0000000", 337, "latin1");

function encodeUstar(fields: UstarFields): Buffer {
  const block = Buffer.allocUnsafe(BLOCK_SIZE);
  block.set(TEMPLATE);
  block.write(fields.name, 0, "latin1");
  writeOctal(block, fields.mode, 100, 7);
  writeOctal(block, fields.size, 124, 11);
  writeOctal(block, fields.mtime, 136, 11);
  block[156] = TYPE_FLAGS[fields.type].charCodeAt(0);
  if (fields.linkname !== "") block.write(fields.linkname, 157, "latin1");
  if (fields.prefix !== "") block.write(fields.prefix, 345, "latin1");
  let sum = 0;
  for (let index = 0; index < BLOCK_SIZE; index++) sum += block[index] as number;
  writeOctal(block, sum, 148, 6);
  block[154] = 0;
  return block;
}

/** Writes an octal number with leading zeros. */
function writeOctal(block: Buffer, value: number, offset: number, digits: number): void {
  let rest = value;
  for (let index = offset + digits - 1; index >= offset; index--) {
    const higher = Math.floor(rest / 8);
    block[index] = 48 + rest - higher * 8;
    rest = higher;
  }
}

function isPlain(text: BytePath): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/**
 * Splits a long name at a slash. The field `prefix` gets up to 155 bytes before the slash, and the field `name` gets up
 * to 100 bytes after the slash. If the name is short, `prefix` is empty. Returns undefined if the name does not fit
 * into the fields.
 */
function splitName(name: BytePath): { name: BytePath; prefix: BytePath } | undefined {
  if (name.length <= 100) return { name, prefix: "" };
  const slash = name.indexOf("/", name.length - 101);
  if (slash <= 0 || slash > 155) return undefined;
  return { name: name.slice(slash + 1), prefix: name.slice(0, slash) };
}
