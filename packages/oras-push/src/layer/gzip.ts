/** The header of a gzip member: no name, no time, and Unix as the operating system (RFC 1952, section 2.3). */
export const GZIP_HEADER: Buffer = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);

/** An empty deflate block with fixed codes, marked as the last block (RFC 1951, section 3.2.6). */
const LAST_BLOCK = [3, 0];

/**
 * Returns the end of a gzip member. It consists of the last deflate block, the checksum, and the size of the
 * uncompressed bytes modulo 2^32.
 */
export function gzipEnd(checksum: number, size: number): Buffer {
  const bytes = Buffer.from([...LAST_BLOCK, 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeUInt32LE(checksum, 2);
  bytes.writeUInt32LE(size % 2 ** 32, 6);
  return bytes;
}
