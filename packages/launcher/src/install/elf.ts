/** The number of bytes at the start of an executable that contain its header and its program headers. */
export const ELF_HEAD_SIZE = 4096;

/** The segment with the path of an executable's loader, its "program interpreter" (System V gABI, chapter 5). */
export interface InterpreterSegment {
  /** Offset of the segment's program header in the file, in bytes. */
  readonly header: number;
  /** Offset of the loader's path in the file, in bytes. */
  readonly offset: number;
  /** Length of the path in bytes, with its final NUL. */
  readonly size: number;
}

/** An edit of a file. The file is truncated first, and then written. */
export interface FileEdit {
  /** The length in bytes to which the file is truncated. It is the current length if nothing is removed. */
  readonly length: number;
  /** The bytes to write, with their offsets in the file. */
  readonly writes: readonly { readonly position: number; readonly bytes: Buffer }[];
}

/** `p_type` of the segment with the path of the interpreter. */
const PT_INTERP = 3;

/** The first bytes of an ELF file for a 64-bit, little-endian machine. */
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);

/** Sizes of the ELF header and of one program header, in bytes. */
const HEADER = 64;
const PROGRAM_HEADER = 56;

/** Positions in a program header: `p_offset`, and `p_filesz` with `p_memsz` after it. */
const OFFSET_FIELD = 8;
const SIZE_FIELDS = 32;

/**
 * Finds the path of an executable's loader. `head` is the first {@link ELF_HEAD_SIZE} bytes. Undefined if there is no
 * loader, as in a static executable, or if the file is not an executable for a 64-bit, little-endian machine.
 */
export function interpreterSegment(head: Buffer): InterpreterSegment | undefined {
  if (head.length < HEADER || !head.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  // The fields e_phoff, e_phentsize and e_phnum.
  const first = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  for (let index = 0; index < count; index++) {
    const header = first + index * size;
    if (header + PROGRAM_HEADER > head.length) return undefined;
    if (head.readUInt32LE(header) === PT_INTERP)
      return {
        header,
        offset: Number(head.readBigUInt64LE(header + OFFSET_FIELD)),
        size: Number(head.readBigUInt64LE(header + SIZE_FIELDS)),
      };
  }
  return undefined;
}

/**
 * The edit that gives an executable of `length` bytes a different loader. The new path is written at the end of the
 * file, where it replaces the path of an earlier edit. The program header then points to the new path, and the kernel
 * reads the path from the file. The address in memory still points to the old path. Only the name of the loader itself
 * is read there.
 */
export function interpreterEdit(segment: InterpreterSegment, length: number, path: string): FileEdit {
  const bytes = Buffer.from(`${path}\0`);
  const end = segment.offset + segment.size === length ? segment.offset : length;
  const size = uint64(bytes.length);
  return {
    length: end,
    writes: [
      { position: end, bytes },
      { position: segment.header + OFFSET_FIELD, bytes: uint64(end) },
      { position: segment.header + SIZE_FIELDS, bytes: Buffer.concat([size, size]) },
    ],
  };
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
