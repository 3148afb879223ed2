/**
 * The number of bytes to read from the start of an executable. These bytes contain the header and the program headers.
 */
export const ELF_HEAD_SIZE = 4096;

/**
 * The segment that contains the path of an executable's loader. ELF calls the loader "program interpreter" (System V
 * gABI, chapter 5).
 */
export interface InterpreterSegment {
  /** Offset of the segment's program header in the file, in bytes. */
  readonly header: number;
  /** Offset of the loader's path in the file, in bytes. */
  readonly offset: number;
  /** Length of the path in bytes, including the final NUL. */
  readonly size: number;
}

/** An edit of a file. An edit first truncates the file, and then writes bytes. */
export interface FileEdit {
  /** The edit first truncates the file to this length, in bytes. If nothing is removed, this is the current length. */
  readonly length: number;
  /** The bytes to write, with their offsets in the file. */
  readonly writes: readonly { readonly position: number; readonly bytes: Buffer }[];
}

/** The `p_type` of an {@link InterpreterSegment}. */
const PT_INTERP = 3;

/** The first bytes of an ELF file for a 64-bit, little-endian machine. */
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);

/** The size of the ELF header for a 64-bit machine, in bytes. The header for a 32-bit machine is shorter. */
export const ELF_HEADER_SIZE = 64;

/** The size of one program header, in bytes. */
const PROGRAM_HEADER = 56;

/** Positions of the fields `p_offset` and `p_filesz` in a program header. The field `p_memsz` follows `p_filesz`. */
const OFFSET_FIELD = 8;
const SIZE_FIELDS = 32;

/** The values of `e_type` that a program can have: ET_EXEC and ET_DYN. */
const RUNNABLE_TYPES: readonly number[] = [2, 3];

/**
 * The `e_machine` values that each machine supports. The keys are Node's names for machines. In each list, the first
 * value is for 64-bit programs, and the second value is for 32-bit programs.
 */
const MACHINES: Readonly<Record<string, readonly number[]>> = { x64: [62, 3], arm64: [183, 40] };

/** Whether a file is an ELF file. `head` contains the first bytes of the file. */
export function isElf(head: Buffer): boolean {
  return head.subarray(0, 4).equals(MAGIC.subarray(0, 4));
}

/**
 * Whether a machine can run an ELF file. `head` contains the first {@link ELF_HEADER_SIZE} bytes of the file, and
 * `arch` is Node's name of the machine. Returns true for unknown machines.
 */
export function isRunnableElf(head: Buffer, arch: string): boolean {
  const machines = MACHINES[arch];
  if (machines === undefined) return true;
  const [wide, littleEndian] = [head[4] === 2, head[5] === 1];
  if (head.length < (wide ? ELF_HEADER_SIZE : 52) || !littleEndian) return false;
  return RUNNABLE_TYPES.includes(head.readUInt16LE(16)) && machines.includes(head.readUInt16LE(18));
}

/**
 * Finds the path of an executable's loader. `head` contains the first {@link ELF_HEAD_SIZE} bytes of the file. Returns
 * undefined for a static executable, because it has no loader. Also returns undefined if the file is not an executable
 * for a 64-bit, little-endian machine.
 */
export function interpreterSegment(head: Buffer): InterpreterSegment | undefined {
  if (head.length < ELF_HEADER_SIZE || !head.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
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
 * Returns the edit that sets the path of an executable's loader. `length` is the size of the executable in bytes. The
 * edit writes the new path at the end of the file. If an earlier edit wrote a path at the end, the new path replaces
 * the earlier path. The edit also writes the position and the size of the new path into the program header, so the
 * kernel reads the new path. The field `p_vaddr` of the program header still points to the old path. This is harmless:
 * the kernel does not use this field, and the loader uses it only to read the loader's own name.
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
