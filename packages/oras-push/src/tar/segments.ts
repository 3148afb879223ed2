import type { BytePath } from "shared/fs/byte-path";
import { encodeEntry, paddingOf, TRAILER_SIZE } from "./encode-header.ts";
import type { FilePart } from "./file-part.ts";
import type { FileState } from "./file-state.ts";
import type { TreeEntry } from "./walk.ts";

/** A piece of an archive. All segments except the last have the same length. The last segment may be shorter. */
export interface Segment {
  /** The length in bytes. */
  readonly length: number;
  /** The parts of files that belong to the segment. The segment does not contain the bytes of these parts yet. */
  readonly parts: readonly FilePart[];
}

/** Produces the segments of an archive, one after the other. */
export interface SegmentSource {
  /**
   * Writes the next segment into `target`, but leaves gaps for the contents of files. Every segment except the last
   * fills the whole `target`. Returns undefined after the last segment.
   */
  next(target: Buffer): Segment | undefined;
  /** Whether the archive is large. The encoding uses threads only for a large archive. */
  isLarge(): boolean;
  /** Ends the production early. */
  close(): void;
}

/** An archive with at least this number of bytes is large. */
const LARGE_SIZE = 24 << 20;

/** An archive with at least this number of entries is large, even if the entries are small. */
const LARGE_COUNT = 4000;

/**
 * Encodes entries as a tar archive. The same entries always give the same bytes. The owner and the group of each entry
 * have the ID zero and an empty name. Times are in whole seconds. `latest` is a time in seconds since 1970. A
 * modification time after `latest` is replaced with `latest`. By default, no time is replaced.
 */
export function archiveSegments(entries: Iterable<TreeEntry>, latest = Number.POSITIVE_INFINITY): SegmentSource {
  const ahead = new EntriesAhead(entries);
  const writer = new SegmentWriter();
  const pieces = archivePieces(ahead, latest, writer);
  let last = false;
  return {
    isLarge: () => ahead.reach(LARGE_SIZE, LARGE_COUNT),
    next: (target) => {
      if (last) return undefined;
      writer.start(target);
      last = pieces.next().done === true;
      return writer.length === 0 ? undefined : { length: writer.length, parts: writer.parts };
    },
    close: () => ahead.close(),
  };
}

/** Writes an archive into segments. Yields between two segments. */
function* archivePieces(entries: Iterable<TreeEntry>, latest: number, writer: SegmentWriter): Generator<void> {
  for (const entry of entries) {
    const size = entry.type === "file" ? entry.stats.size : 0;
    yield* writer.bytes(encodeEntry(entry, size, latest));
    if (size === 0) continue;
    yield* writer.file(entry.path, entry.stats, size);
    yield* writer.zeros(paddingOf(size));
  }
  yield* writer.zeros(TRAILER_SIZE);
}

/**
 * Writes into one segment after the other. `bytes`, `zeros` and `file` are generators. If the segment is full and there
 * are more bytes to write, the generator yields. The caller must then call `start` for the next segment, before it
 * resumes the generator.
 */
class SegmentWriter {
  /** The number of bytes in the current segment. */
  length = 0;
  parts: FilePart[] = [];
  #target: Uint8Array = new Uint8Array(0);

  start(target: Buffer): void {
    // For short pieces, the methods of a Uint8Array are faster than the methods of a Buffer.
    this.#target = new Uint8Array(target.buffer, target.byteOffset, target.length);
    this.length = 0;
    this.parts = [];
  }

  *bytes(source: Buffer): Generator<void> {
    for (let from = 0; from < source.length; ) {
      const count = yield* this.#room(source.length - from);
      this.#target.set(count === source.length ? source : source.subarray(from, from + count), this.length);
      this.length += count;
      from += count;
    }
  }

  *zeros(total: number): Generator<void> {
    for (let left = total; left > 0; ) {
      const count = yield* this.#room(left);
      this.#target.fill(0, this.length, this.length + count);
      this.length += count;
      left -= count;
    }
  }

  *file(path: BytePath, { ino, size, mtimeMs }: FileState, total: number): Generator<void> {
    const state = { ino, size, mtimeMs };
    for (let from = 0; from < total; ) {
      const length = yield* this.#room(total - from);
      this.parts.push({ path, state, from, length, at: this.length });
      this.length += length;
      from += length;
    }
  }

  /**
   * If the segment is full, yields until the next segment has started. Returns the number of bytes that fit, at most
   * `wanted`.
   */
  *#room(wanted: number): Generator<void, number> {
    if (this.length === this.#target.length) yield;
    return Math.min(wanted, this.#target.length - this.length);
  }
}

/** Reads entries ahead, to find out whether an archive is large. */
class EntriesAhead implements Iterable<TreeEntry> {
  readonly #rest: Iterator<TreeEntry>;
  readonly #read: TreeEntry[] = [];
  #taken = 0;
  #size = 0;
  #ended = false;

  constructor(entries: Iterable<TreeEntry>) {
    this.#rest = entries[Symbol.iterator]();
  }

  /**
   * Reads entries until their contents have `size` bytes in total, or until there are `count` entries. Returns false if
   * the archive ends earlier.
   */
  reach(size: number, count: number): boolean {
    while (!this.#ended && this.#size < size && this.#read.length < count) {
      const entry = this.#pull();
      if (entry !== undefined) this.#read.push(entry);
    }
    return this.#size >= size || this.#read.length >= count;
  }

  *[Symbol.iterator](): Generator<TreeEntry> {
    for (; this.#taken < this.#read.length; this.#taken++) yield this.#read[this.#taken] as TreeEntry;
    this.#read.length = 0;
    for (let entry = this.#pull(); entry !== undefined; entry = this.#pull()) yield entry;
  }

  close(): void {
    this.#ended = true;
    this.#rest.return?.();
  }

  #pull(): TreeEntry | undefined {
    const next = this.#ended ? undefined : this.#rest.next();
    if (next === undefined || next.done === true) {
      this.#ended = true;
      return undefined;
    }
    this.#size += next.value.type === "file" ? next.value.stats.size : 0;
    return next.value;
  }
}
