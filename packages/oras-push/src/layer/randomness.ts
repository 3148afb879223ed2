/** The number of samples from a block. */
const SAMPLES = 8;

/** The size of a sample, in bytes. */
const SAMPLE_SIZE = 1024;

/**
 * A sample counts as random if {@link sumOfSquares} returns at most this number. For random bytes, the function returns
 * about 5100 on average, and very rarely more than 5600. If the function returns exactly this maximum, a code for
 * single bytes (such as a Huffman code) saves less than 3 % of the sample.
 */
const MAX_SQUARES = 6000;

/**
 * The length, in bytes, of the sequences that {@link repeatsItself} searches for. In random data, a sequence of this
 * length almost never occurs twice.
 */
const PROBE = 8;

/**
 * Whether a block looks like compressed or encrypted data. Returns true if all byte values seem equally likely in all
 * parts of the block. The block must have at least 8 KiB. Does not detect repeated sequences. The result depends only
 * on the bytes.
 */
export function looksRandom(block: Uint8Array): boolean {
  const step = Math.floor((block.length - SAMPLE_SIZE) / (SAMPLES - 1));
  for (let sample = 0; sample < SAMPLES; sample++) {
    const start = sample * step;
    if (sumOfSquares(block, start, start + SAMPLE_SIZE) > MAX_SQUARES) return false;
  }
  return true;
}

/**
 * Whether a block contains repeated sequences that are at most `window` bytes apart. Checks only a few places. The
 * block must be longer than the window. The result depends only on the bytes.
 */
export function repeatsItself(block: Buffer, window: number): boolean {
  const step = Math.floor((block.length - PROBE - window) / (SAMPLES - 1));
  for (let sample = 0; sample < SAMPLES; sample++) {
    const start = window + sample * step;
    const before = block.subarray(start - window, start);
    if (before.includes(block.subarray(start, start + PROBE))) return true;
  }
  return false;
}

/** Returns the sum of the squared frequencies of the byte values. */
function sumOfSquares(block: Uint8Array, start: number, end: number): number {
  const counts = new Uint16Array(256);
  let squares = 0;
  for (let index = start; index < end; index++) {
    const byte = block[index] as number;
    const count = counts[byte] as number;
    // When a count grows from n to n + 1, its square grows by 2n + 1.
    squares += 2 * count + 1;
    counts[byte] = count + 1;
  }
  return squares;
}
