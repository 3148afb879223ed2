import { createCipheriv } from "node:crypto";
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** Files of large trees have this size, in bytes. */
const FILE = 4 << 20;

/** From so much text all others are cut; far more than gzip can look back. */
const POOL = 32 << 20;

const MIB = 1 << 20;

/** Makes the files and folders that the bench works on, once; the same bytes on every machine. */
export class Trees {
  readonly #folder: string;
  #text: Buffer | undefined;
  #compressed: Buffer | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** A tree of files like a simulation's logs and notes, of `mebibytes` in all. */
  text(mebibytes: number): string {
    return this.#once(`text-${mebibytes}`, (folder) => this.#fill(folder, mebibytes, this.#textPool()));
  }

  /** A tree of files that hold parts of gzip's output, of `mebibytes` in all. */
  compressed(mebibytes: number): string {
    return this.#once(`compressed-${mebibytes}`, (folder) => this.#fill(folder, mebibytes, this.#compressedPool()));
  }

  /** A tree that names the files of a text of `base` mebibytes as often as it takes to be `mebibytes` large. */
  repeated(mebibytes: number, base: number): string {
    const from = this.text(base);
    return this.#once(`repeated-${mebibytes}`, (folder) => {
      for (let index = 0; index * 4 < mebibytes; index++)
        linkSync(join(from, fileName(index % (base / 4))), join(folder, fileName(index)));
    });
  }

  /** A tree of small files, a hundred a folder, of about three kilobytes each. */
  small(count: number): string {
    return this.#once(`small-${count}`, (folder) => {
      const pool = this.#textPool();
      for (let index = 0; index < count; index++) {
        const place = join(folder, `d${String(Math.floor(index / 100)).padStart(4, "0")}`);
        if (index % 100 === 0) mkdirSync(place);
        const size = 100 + ((index * 7919) % 5900);
        const start = (index * 104_729) % (pool.length - size);
        writeFileSync(join(place, `f${index}.log`), pool.subarray(start, start + size));
      }
    });
  }

  /** One file of `mebibytes` that no compressor makes smaller; gives its path. */
  noise(mebibytes: number): string {
    const folder = this.#once(`noise-${mebibytes}`, (place) => {
      const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16));
      const zeros = Buffer.alloc(MIB);
      const path = join(place, "noise.bin");
      for (let index = 0; index < mebibytes; index++) writeFileSync(path, cipher.update(zeros), { flag: "a" });
    });
    return join(folder, "noise.bin");
  }

  #fill(folder: string, mebibytes: number, pool: Buffer): void {
    const size = Math.min(FILE, mebibytes * MIB);
    for (let index = 0; index * size < mebibytes * MIB; index++) {
      const start = (index * 7_919_777) % (pool.length - size);
      writeFileSync(join(folder, fileName(index)), pool.subarray(start, start + size));
    }
  }

  #once(name: string, fill: (folder: string) => void): string {
    const folder = join(this.#folder, name);
    if (existsSync(folder)) return folder;
    const fresh = `${folder}.new`;
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh);
    fill(fresh);
    renameSync(fresh, folder);
    return folder;
  }

  #textPool(): Buffer {
    this.#text ??= textOf(POOL);
    return this.#text;
  }

  #compressedPool(): Buffer {
    if (this.#compressed === undefined) {
      const text = textOf(3 * POOL);
      this.#compressed = gzipSync(text, { level: 6 });
    }
    return this.#compressed;
  }
}

function fileName(index: number): string {
  return `part-${String(index).padStart(5, "0")}.log`;
}

/** Text of a size: sentences of words that are rare or frequent as words are, and tables of numbers. */
function textOf(size: number): Buffer {
  const random = randomNumbers(20_240_229);
  const words = Array.from({ length: 20_000 }, () => {
    const length = 2 + Math.floor(random() * 9);
    return Array.from({ length }, () => String.fromCharCode(97 + Math.floor(random() ** 1.5 * 26))).join("");
  });
  const word = () => words[Math.floor(words.length ** random() - 1)] as string;
  const lines: string[] = [];
  let step = 0;
  for (let length = 0; length < size; ) {
    const line = step++ % 2 === 0 ? sentence(word, random) : tableRow(step, random);
    lines.push(line);
    length += line.length;
  }
  return Buffer.from(lines.join("")).subarray(0, size);
}

function sentence(word: () => string, random: () => number): string {
  return `${Array.from({ length: 6 + Math.floor(random() * 10) }, word).join(" ")}.\n`;
}

function tableRow(step: number, random: () => number): string {
  const numbers = [300 + 5 * random(), -1800 + random(), 1e4 * random(), random()];
  return `${String(step).padStart(10)}${numbers.map((number) => number.toFixed(5).padStart(14)).join("")}\n`;
}

/** Numbers from 0 up to 1, the same ones for a seed (Marsaglia's xorshift). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
