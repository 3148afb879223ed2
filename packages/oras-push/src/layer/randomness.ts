/** How many places of a block are looked at, and how many bytes in each. */
const PLACES = 8;
const SAMPLE = 1024;

/**
 * The most that the squares of the frequencies may sum up to. Were all bytes equally likely, it would be about 5100 on
 * average and hardly ever 5600; at 6000, a code of its own for each byte saves less than three in a hundred.
 */
const MOST = 6000;

/**
 * Whether every byte seems as likely as any other in all parts of a block of at least eight kibibytes, as in what is compressed or
 * encrypted already. The answer depends on the bytes alone. That they repeat, it does not see.
 */
export function looksRandom(block: Uint8Array): boolean {
  const step = Math.floor((block.length - SAMPLE) / (PLACES - 1));
  for (let place = 0; place < PLACES; place++) {
    const counts = new Uint16Array(256);
    let squares = 0;
    // The sum of squares grows by 2n + 1 when a count grows from n to n + 1.
    for (let index = place * step, end = index + SAMPLE; index < end; index++) {
      const byte = block[index] as number;
      squares += 2 * (counts[byte] as number) + 1;
      counts[byte] = (counts[byte] as number) + 1;
    }
    if (squares > MOST) return false;
  }
  return true;
}

/** Bytes that are looked for among those before them: in what is random, so many hardly ever come twice. */
const PROBE = 8;

/**
 * Whether parts of a block stand in it once more, up to `window` bytes before, as far as a few probes tell. The block is
 * longer than the window; the answer depends on the bytes alone.
 */
export function repeatsItself(block: Buffer, window: number): boolean {
  const step = Math.floor((block.length - PROBE - window) / (PLACES - 1));
  for (let place = 0; place < PLACES; place++) {
    const start = window + place * step;
    const before = block.subarray(start - window, start);
    if (before.includes(block.subarray(start, start + PROBE))) return true;
  }
  return false;
}
