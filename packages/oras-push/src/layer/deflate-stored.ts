/** The maximum length of a stored block, in bytes. The length field of a block has 16 bits. */
const MAX_BLOCK = 0xffff;

/**
 * The header size, in bytes, of a stored block that starts at a byte boundary. The header consists of the type, the
 * length and the inverted length.
 */
const HEADER = 5;

/** Encodes bytes as stored blocks of deflate. No block is marked as the last block (RFC 1951, section 3.2.4). */
export function storedBlocks(bytes: Buffer): Buffer {
  const count = Math.ceil(bytes.length / MAX_BLOCK);
  const result = Buffer.allocUnsafeSlow(bytes.length + count * HEADER);
  for (let from = 0, to = 0; from < bytes.length; from += MAX_BLOCK) {
    const size = Math.min(MAX_BLOCK, bytes.length - from);
    result.writeUInt8(0, to);
    result.writeUInt16LE(size, to + 1);
    result.writeUInt16LE(~size & 0xffff, to + 3);
    to += HEADER + bytes.copy(result, to + HEADER, from, from + size);
  }
  return result;
}
