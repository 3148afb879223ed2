import { createCipheriv } from "node:crypto";
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** The size of each file in a large tree, in bytes. */
const FILE = 4 << 20;

/** The size of the text from which all files are cut, in bytes. It is much larger than the window of gzip. */
const POOL = 32 << 20;

const MIB = 1 << 20;

/**
 * Creates the files and folders for the bench, with the same bytes on every machine. Reuses files and folders that
 * already exist.
 */
export class Trees {
  readonly #folder: string;
  #text: Buffer | undefined;
  #compressed: Buffer | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** A tree of text files that resemble the logs of a simulation. The total size is `mebibytes`. */
  text(mebibytes: number): string {
    return this.#once(`text-${mebibytes}`, (folder) => this.#fill(folder, mebibytes, this.#textPool()));
  }

  /** A tree of files that contain parts of a gzip stream. The total size is `mebibytes`. */
  compressed(mebibytes: number): string {
    return this.#once(`compressed-${mebibytes}`, (folder) => this.#fill(folder, mebibytes, this.#compressedPool()));
  }

  /**
   * A tree of hard links to the files of a smaller text tree. The total size is `mebibytes`. The size of the smaller
   * tree is `base`, in MiB.
   */
  repeated(mebibytes: number, base: number): string {
    const from = this.text(base);
    return this.#once(`repeated-${mebibytes}`, (folder) => {
      for (let index = 0; index * 4 < mebibytes; index++)
        linkSync(join(from, fileName(index % (base / 4))), join(folder, fileName(index)));
    });
  }

  /** A tree of small files: 100 files per folder, about 3 kB per file. */
  small(count: number): string {
    return this.#once(`small-${count}`, (folder) => {
      const pool = this.#textPool();
      for (let index = 0; index < count; index++) {
        const subfolder = join(folder, `d${String(Math.floor(index / 100)).padStart(4, "0")}`);
        if (index % 100 === 0) mkdirSync(subfolder);
        const size = 100 + ((index * 7919) % 5900);
        const start = (index * 104_729) % (pool.length - size);
        writeFileSync(join(subfolder, `f${index}.log`), pool.subarray(start, start + size));
      }
    });
  }

  /**
   * A tree that resembles the sources of a program: 100 files per folder. Half of the files are smaller than 5 KiB, and
   * a few files have a size of 1 MiB. The mean size is about 10 KiB.
   */
  source(count: number): string {
    return this.#once(`source-${count}`, (folder) => {
      const pool = this.#textPool();
      const random = randomNumbers(7);
      for (let index = 0; index < count; index++) {
        const subfolder = join(folder, `d${String(Math.floor(index / 100)).padStart(4, "0")}`);
        if (index % 100 === 0) mkdirSync(subfolder);
        const size = sourceSize(random());
        const start = (index * 104_729) % (pool.length - size);
        writeFileSync(join(subfolder, `f${index}.c`), pool.subarray(start, start + size));
      }
    });
  }

  /**
   * A folder with `count` subfolders of text files. The size of each subfolder is `mebibytes`. No two files have the
   * same text.
   */
  folders(count: number, mebibytes: number): string {
    return this.#once(`folders-${count}-${mebibytes}`, (folder) => {
      for (let index = 0; index < count; index++) {
        const subfolder = join(folder, `run-${index}`);
        mkdirSync(subfolder);
        this.#fill(subfolder, mebibytes, this.#textPool(), index * mebibytes);
      }
    });
  }

  /** An incompressible file with the size `mebibytes`. Returns the path of the file. */
  noise(mebibytes: number): string {
    const folder = this.#once(`noise-${mebibytes}`, (target) => {
      const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16));
      const zeros = Buffer.alloc(MIB);
      const path = join(target, "noise.bin");
      for (let index = 0; index < mebibytes; index++) writeFileSync(path, cipher.update(zeros), { flag: "a" });
    });
    return join(folder, "noise.bin");
  }

  /** Writes files that contain parts of `pool`. A different `first` selects different parts. */
  #fill(folder: string, mebibytes: number, pool: Buffer, first = 0): void {
    const size = Math.min(FILE, mebibytes * MIB);
    for (let index = 0; index * size < mebibytes * MIB; index++) {
      const start = ((first + index) * 7_919_777) % (pool.length - size);
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

/** The size of a source file in bytes, for a random number from 0 to 1. */
function sourceSize(random: number): number {
  return Math.min(MIB, Math.floor(500 + 2500 * (1 - random) ** -0.8));
}

/** Text of `size` bytes: sentences with a realistic distribution of words, and rows of numbers. */
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

/**
 * Returns a generator of pseudo-random numbers from 0 to 1 (Marsaglia's xorshift). The same seed gives the same
 * numbers.
 */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
