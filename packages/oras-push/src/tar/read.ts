import { ArchiveBytes } from "./archive-bytes.ts";
import { ArchiveError } from "./archive-error.ts";
import { decodeHeader, type EntryHeader, parseRecords, type Records, untilNul, withRecords } from "./decode-header.ts";

/** One entry of an archive. */
export interface ArchiveEntry extends EntryHeader {
  /** The content. When the consumer requests the next entry, the reader skips all unread bytes of this content. */
  readonly content: Iterable<Buffer> | AsyncIterable<Buffer>;
}

/**
 * Reads the entries of a tar archive in one of the common formats: USTAR, PAX or GNU. The names of entries are byte
 * strings. Reads and ignores all bytes after the last entry. Throws {@link ArchiveError} if `archive` is not a tar
 * archive, or is truncated.
 */
export async function* readArchive(archive: AsyncIterable<Buffer>): AsyncGenerator<ArchiveEntry> {
  const source = new ArchiveBytes(archive);
  try {
    yield* entriesIn(source);
    await source.drain();
  } finally {
    await source.close();
  }
}

async function* entriesIn(source: ArchiveBytes): AsyncGenerator<ArchiveEntry> {
  let global: Records = {};
  let next: Records = {};
  for (;;) {
    const block = await source.block();
    if (block.length === 0 || isEmpty(block)) break;
    const header = decodeHeader(block);
    const records = await extendedRecords(header, source);
    if (records === undefined) {
      const entry = withRecords(header, { ...global, ...next });
      next = {};
      source.open(contentSize(entry));
      yield { ...entry, content: source.content() };
      await source.skip();
    } else if (header.flag === "g") global = { ...global, ...records };
    else next = { ...next, ...records };
  }
  if (Object.keys(next).length > 0) throw new ArchiveError("it ends with an extended header that has no entry");
}

/**
 * Reads the records of an extended header. Extended headers have the type flags `g` and `x` in the PAX format, and `L`
 * and `K` in the GNU format. Returns undefined if the header is not extended.
 */
async function extendedRecords({ flag, size }: EntryHeader, source: ArchiveBytes): Promise<Records | undefined> {
  if (flag === "g" || flag === "x") return parseRecords(await source.extended(size));
  if (flag === "L") return { path: untilNul(await source.extended(size)) };
  if (flag === "K") return { linkpath: untilNul(await source.extended(size)) };
  return undefined;
}

/**
 * The size of an entry's content. Returns zero for a link or a folder, because these entries have no content. This
 * function ignores the size in the header of a link, because this size can be the size of the link's target.
 */
function contentSize({ type, size }: EntryHeader): number {
  return type === "file" || type === "other" ? size : 0;
}

function isEmpty(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}
