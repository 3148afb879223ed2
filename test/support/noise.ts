/**
 * Returns a linear congruential generator of whole numbers. On every machine, the same seed gives the same sequence.
 */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

/** Returns incompressible bytes. The same size and seed always give the same bytes. */
export function noise(size: number, seed = 1): Buffer {
  const next = numbers(seed);
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let index = 0; index < words.length; index++) {
    const state = next();
    words[index] = state ^ (state >>> 15);
  }
  return Buffer.from(words.buffer, 0, size);
}

/** The parts of syllables. A part that is listed twice is twice as frequent. */
const ONSETS = "t t t n n s s r r h d l l c m w f g p b v k st th tr pl sh br".split(" ");
const VOWELS = "e e e e a a a o o i i i u ea ou ie".split(" ");
const CODAS = ["", "", "", "", "n", "s", "r", "d", "t", "ng"];

/** The number of word classes. Class n has 2 ** n words. */
const WORD_CLASSES = 12;

/**
 * Returns text that compresses like English prose. The same size and seed always give the same text. The words are made
 * up. All word classes occur equally often, and each class has twice as many words as the class before it. So the
 * frequency of a word is approximately inverse to its rank, as Zipf's law says.
 */
export function prose(size: number, seed = 1): Buffer {
  const next = numbers(seed);
  const below = (limit: number): number => Math.floor((next() / 2 ** 32) * limit);
  const pick = (sounds: readonly string[]): string => sounds[below(sounds.length)] as string;
  const word = (syllables: number): string =>
    Array.from({ length: syllables }, () => pick(ONSETS) + pick(VOWELS) + pick(CODAS)).join("");
  const words = Array.from({ length: WORD_CLASSES }, (_, index) =>
    Array.from({ length: 2 ** index }, () => word(index < 4 ? 1 : 2 + below(index < 8 ? 1 : 2))),
  );
  const sentence = (): string => {
    const text = Array.from({ length: 4 + below(16) }, () => pick(words[below(WORD_CLASSES)] as string[])).join(" ");
    return `${text.charAt(0).toUpperCase()}${text.slice(1)}.${below(5) === 0 ? "\n" : " "}`;
  };
  const sentences: string[] = [];
  for (let length = 0; length < size; ) {
    const added = sentence();
    sentences.push(added);
    length += added.length;
  }
  return Buffer.from(sentences.join("")).subarray(0, size);
}
