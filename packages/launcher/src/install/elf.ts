/** Bytes of the start of an executable that hold its header and its program headers. */
export const ELF_HEAD_SIZE = 4096;

/** The segment that names an executable's loader, its "program interpreter" (System V gABI, chapter 5). */
export interface InterpreterSegment {
  /** Where the segment's program header starts in the file, in bytes. */
  readonly header: number;
  /** Where the loader's path starts in the file, in bytes. */
  readonly offset: number;
  /** Length of the path in bytes, with the NUL that ends it. */
  readonly size: number;
}

/** A change to a file: cut to a length, then written to in places. */
export interface FileEdit {
  /** Length in bytes that the file is cut to; its own where nothing is cut off. */
  readonly length: number;
  readonly writes: readonly { readonly position: number; readonly bytes: Buffer }[];
}

/** `p_type` of the segment with the interpreter's path. */
const PT_INTERP = 3;

/** What an ELF file for a 64-bit, little-endian machine begins with. */
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);

/** Sizes of the ELF header and of one program header, in bytes. */
const HEADER = 64;
const PROGRAM_HEADER = 56;

/**
 * Where an executable names its loader, from its first {@link ELF_HEAD_SIZE} bytes; undefined for one that names none,
 * such as a static one, and for what is no executable of a 64-bit, little-endian machine.
 */
export function interpreterSegment(head: Buffer): InterpreterSegment | undefined {
  if (head.length < HEADER || !head.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const first = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  for (let index = 0; index < count; index++) {
    const header = first + index * size;
    if (header + PROGRAM_HEADER > head.length) return undefined;
    if (head.readUInt32LE(header) === PT_INTERP)
      return {
        header,
        offset: Number(head.readBigUInt64LE(header + 8)),
        size: Number(head.readBigUInt64LE(header + 32)),
      };
  }
  return undefined;
}

/**
 * The edit that gives an executable of `length` bytes another loader: its path goes to the end of the file, in the place
 * of one that an earlier edit put there, and the program header points to it. The kernel reads the path from the file;
 * the address at which the old one is mapped stays as it is, for nothing but the loader's own name is read there.
 */
export function interpreterEdit(segment: InterpreterSegment, length: number, path: string): FileEdit {
  const bytes = Buffer.from(`${path}\0`);
  const end = segment.offset + segment.size === length ? segment.offset : length;
  const position = Buffer.alloc(8);
  position.writeBigUInt64LE(BigInt(end));
  const sizes = Buffer.alloc(16);
  sizes.writeBigUInt64LE(BigInt(bytes.length), 0);
  sizes.writeBigUInt64LE(BigInt(bytes.length), 8);
  return {
    length: end,
    writes: [
      { position: end, bytes },
      { position: segment.header + 8, bytes: position },
      { position: segment.header + 32, bytes: sizes },
    ],
  };
}
