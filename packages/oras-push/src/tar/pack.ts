import { readLarge, readSmall } from "./content.ts";
import { encodeEntry, PADDING, TRAILER } from "./header.ts";
import type { TreeEntry } from "./walk.ts";

/** Files up to this size are read without an asynchronous round trip, which would cost more than the reading. */
const SMALL_FILE = 256 << 10;

/** The archive is given in pieces of about this size, in bytes. */
const PIECE = 1 << 20;

/**
 * The tar archive of entries: the same entries always give the same bytes. Owners are zero and have no names, times are
 * whole seconds and, with `latest`, none is later than that (seconds since 1970). Throws `noInput`, naming the path, for a
 * file that can't be read or that changes while it is read.
 */
export async function* pack(entries: Iterable<TreeEntry>, latest = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
  let pending: Buffer[] = [];
  let size = 0;
  const add = (...pieces: Buffer[]) => {
    for (const piece of pieces) size += piece.length;
    pending.push(...pieces);
  };
  const take = () => {
    const piece = pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending, size);
    pending = [];
    size = 0;
    return piece;
  };
  for (const entry of entries) {
    const length = entry.type === "file" ? entry.stats.size : 0;
    add(...encodeEntry(entry, length, latest));
    if (length > SMALL_FILE) {
      yield take();
      yield* readLarge(entry);
    } else if (length > 0) add(readSmall(entry));
    if (length % 512 !== 0) add(PADDING.subarray(length % 512));
    if (size >= PIECE) yield take();
  }
  add(TRAILER);
  yield take();
}
