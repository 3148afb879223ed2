import { readLarge, readSmall } from "./content.ts";
import { encodeEntry, PADDING, TRAILER } from "./encode-header.ts";
import type { TreeEntry } from "./walk.ts";

/** Files up to this size, in bytes, are read synchronously, because an asynchronous call takes longer than the read. */
const SMALL_FILE = 256 << 10;

/** The approximate size of the archive's chunks, in bytes. */
const CHUNK = 1 << 20;

/**
 * Encodes entries as a tar archive. The same entries always give the same bytes. The owner and the group of each entry
 * have the ID zero and an empty name. Times are in whole seconds. `latest` is a time in seconds since 1970. A
 * modification time after `latest` is replaced with `latest`. By default, no time is replaced. Throws `noInput` with
 * the path if a file cannot be read or changes while it is read.
 */
export async function* pack(entries: Iterable<TreeEntry>, latest = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
  const pending = new PendingBytes();
  for (const entry of entries) {
    const size = entry.type === "file" ? entry.stats.size : 0;
    pending.add(...encodeEntry(entry, size, latest));
    if (size > SMALL_FILE) {
      yield pending.take();
      yield* readLarge(entry);
    } else if (size > 0) pending.add(readSmall(entry));
    if (size % 512 !== 0) pending.add(PADDING.subarray(size % 512));
    if (pending.size >= CHUNK) yield pending.take();
  }
  pending.add(TRAILER);
  yield pending.take();
}

/** Collects buffers for one chunk of the archive. */
class PendingBytes {
  /** The number of collected bytes. */
  size = 0;
  #buffers: Buffer[] = [];

  add(...buffers: Buffer[]): void {
    for (const buffer of buffers) this.size += buffer.length;
    this.#buffers.push(...buffers);
  }

  take(): Buffer {
    const single = this.#buffers.length === 1 ? this.#buffers[0] : undefined;
    const chunk = single ?? Buffer.concat(this.#buffers, this.size);
    this.#buffers = [];
    this.size = 0;
    return chunk;
  }
}
