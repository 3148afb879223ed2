import type { TreeEntry } from "./walk.ts";
import type { BytePath } from "shared/fs/byte-path";

/** What fills an entry's content up to a whole block: the part from the content's remainder on. */
export const PADDING: Buffer = Buffer.alloc(512);

/** The end of an archive: two empty blocks and nothing more, for `oras pull` hashes no padding after them. */
export const TRAILER: Buffer = Buffer.alloc(1024);

/** The largest number that the eleven octal digits of a size or a time hold. */
const MAX_OCTAL = 8 ** 11 - 1;

/** What the main header says where an extended one says it better. */
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

/**
 * The blocks in front of an entry's content: one USTAR header, and a PAX extended header before it where a value does not
 * fit (POSIX.1, pax, "ustar Interchange Format" and "pax Header Block"). `size` is that of the content in bytes; no time
 * is later than `latest`, in seconds. Owners are zero and have no names.
 */
export function encodeEntry(entry: TreeEntry, size: number, latest: number): Buffer[] {
  const records: [string, BytePath][] = [];
  const either = <T>(fits: boolean, key: string, value: T, otherwise: T): T => {
    if (!fits) records.push([key, String(value)]);
    return fits ? value : otherwise;
  };
  const target = entry.target ?? "";
  const time = Math.min(Math.floor(entry.stats.mtimeMs / 1000), latest);
  const split = isPlain(entry.name) ? splitName(entry.name) : undefined;
  if (split === undefined) records.push(["path", entry.name]);
  const linkname = either(isPlain(target) && target.length <= 100, "linkpath", target, PLACEHOLDER);
  const fields: UstarFields = {
    ...(split ?? { name: PLACEHOLDER, prefix: "" }),
    mode: entry.type === "symlink" ? 0o777 : entry.stats.mode & 0o7777,
    size: either(size <= MAX_OCTAL, "size", size, 0),
    mtime: either(time >= 0 && time <= MAX_OCTAL, "mtime", time, 0),
    type: entry.type,
    linkname,
  };
  return records.length === 0 ? [encodeUstar(fields)] : [...encodeExtended(records, fields), encodeUstar(fields)];
}

function encodeExtended(records: readonly [string, BytePath][], { mode, mtime }: UstarFields): Buffer[] {
  const content = Buffer.concat(records.map(([key, value]) => encodeRecord(key, value)));
  const header = { name: PLACEHOLDER, prefix: "", mode, mtime, size: content.length, linkname: "" };
  const rest = content.length % 512;
  return [encodeUstar({ ...header, type: "extended" }), content, PADDING.subarray(rest === 0 ? 512 : rest)];
}

/** One record of an extended header, `LENGTH KEY=VALUE\n`, the length counting itself. */
function encodeRecord(key: string, value: BytePath): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + String(rest.length).length;
  if (rest.length + String(length).length !== length) length++;
  return Buffer.from(`${length}${rest}`, "latin1");
}

function encodeUstar(fields: UstarFields): Buffer {
  const block = Buffer.alloc(512);
  const text = (value: BytePath, offset: number) => block.write(value, offset, "latin1");
  const octal = (value: number, offset: number, digits: number) =>
    text(value.toString(8).padStart(digits, "0"), offset);
  text(fields.name, 0);
  octal(fields.mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(fields.size, 124, 11);
  octal(fields.mtime, 136, 11);
  text(TYPE_FLAGS[fields.type], 156);
  text(fields.linkname, 157);
  text("ustar\x0000", 257);
  octal(0, 329, 7);
  octal(0, 337, 7);
  text(fields.prefix, 345);
  // The checksum counts its own field as blanks.
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  text(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function isPlain(text: BytePath): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/** A name over two fields: up to 155 bytes of prefix, a slash that is not written, up to 100 of name; or undefined. */
function splitName(name: BytePath): { name: BytePath; prefix: BytePath } | undefined {
  if (name.length <= 100) return { name, prefix: "" };
  const slash = name.indexOf("/", name.length - 101);
  if (slash <= 0 || slash > 155) return undefined;
  return { name: name.slice(slash + 1), prefix: name.slice(0, slash) };
}
