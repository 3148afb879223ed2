/** Returns incompressible bytes, which are the same in each call; `size` is a multiple of four. */
export function noise(size: number): Buffer {
  const words = new Uint32Array(size / 4);
  let state = 1;
  for (let index = 0; index < words.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[index] = state ^ (state >>> 15);
  }
  return Buffer.from(words.buffer);
}
