/** The number of sampled places in a block, and the size of each sample in bytes. */
const SAMPLES = 8;
const SAMPLE_SIZE = 1024;

/**
 * The largest sum of the squared byte frequencies in a random sample. If all bytes are equally likely, the sum is about 5100 on
 * average and hardly ever 5600. At 6000, coding each byte alone saves less than 3 %.
 */
const MAX_SQUARES = 6000;

/** The length of the searched byte sequences. Random data hardly ever contains such a sequence twice. */
const PROBE = 8;

/**
 * Whether all byte values seem equally likely in all parts of a block of at least 8 KiB, as in compressed or encrypted data.
 * Does not detect repeated sequences. The answer depends on the bytes alone.
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
 * Whether parts of a block repeat bytes from at most `window` bytes before. Checks only a few probes. The block must be
 * longer than the window. The answer depends on the bytes alone.
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

/** The sum of the squared frequencies of the byte values. */
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
