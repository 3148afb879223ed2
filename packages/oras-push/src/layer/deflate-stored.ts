/** The most bytes that a stored block can hold: its length is written with 16 bits. */
const MOST = 0xffff;

/** Bytes in front of a stored block that begins on a byte boundary: its type, its length, and that length inverted. */
const HEADER = 5;

/** Bytes as stored blocks of deflate, none of them the last one (RFC 1951, section 3.2.4). */
export function storedBlocks(bytes: Buffer): Buffer {
  const count = Math.ceil(bytes.length / MOST);
  const result = Buffer.allocUnsafeSlow(bytes.length + count * HEADER);
  for (let from = 0, to = 0; from < bytes.length; from += MOST) {
    const size = Math.min(MOST, bytes.length - from);
    result.writeUInt8(0, to);
    result.writeUInt16LE(size, to + 1);
    result.writeUInt16LE(~size & 0xffff, to + 3);
    to += HEADER + bytes.copy(result, to + HEADER, from, from + size);
  }
  return result;
}
