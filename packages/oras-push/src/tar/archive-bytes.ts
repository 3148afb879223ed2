import { ArchiveError } from "./archive-error.ts";

const BLOCK = 512;

/** The maximum size of an extended header, in bytes. */
const MAX_EXTENDED = 1 << 20;

/**
 * Reads the bytes of an archive. An archive consists of header blocks and contents. Each content is padded to whole
 * blocks.
 */
export class ArchiveBytes {
  readonly #iterator: AsyncIterator<Buffer>;
  /** The bytes that were received but not read yet. */
  #rest: Buffer = Buffer.alloc(0);
  /** The number of unread bytes of the current content. */
  #left = 0;
  /** The number of padding bytes after the current content. */
  #padding = 0;

  constructor(archive: AsyncIterable<Buffer>) {
    this.#iterator = archive[Symbol.asyncIterator]();
  }

  /**
   * Reads one block. Returns an empty buffer at the end of the archive. Throws {@link ArchiveError} if the block is
   * truncated.
   */
  block(): Promise<Buffer> {
    return this.#read(BLOCK);
  }

  /** Reads the content of an extended header. Throws {@link ArchiveError} if the content is truncated or too long. */
  async extended(size: number): Promise<Buffer> {
    if (size > MAX_EXTENDED) throw new ArchiveError("an extended header is too long");
    const padded = await this.#read(Math.ceil(size / BLOCK) * BLOCK);
    if (padded.length < size) throw truncated();
    return padded.subarray(0, size);
  }

  /** Begins the content of the next entry. The content has `size` bytes. */
  open(size: number): void {
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
  }

  /**
   * Returns the rest of the current content. If the rest is in memory, the result is a synchronous iterable. For a
   * small file, asynchronous iteration would take longer than the read itself.
   */
  content(): Iterable<Buffer> | AsyncIterable<Buffer> {
    if (this.#left === 0) return [];
    if (this.#rest.length >= this.#left) return [this.#available()];
    return this.#chunks();
  }

  /** Skips the rest of the current content, and its padding. */
  async skip(): Promise<void> {
    let left = this.#left + this.#padding;
    this.#left = 0;
    for (;;) {
      left -= this.#cut(left).length;
      if (left === 0) return;
      await this.#receive();
    }
  }

  /** Reads the source to its end. */
  async drain(): Promise<void> {
    while ((await this.#iterator.next()).done !== true);
  }

  /** Closes the source. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  /** Reads `size` bytes. Returns an empty buffer at the end of the archive. */
  async #read(size: number): Promise<Buffer> {
    if (this.#rest.length < size) await this.#collect(size);
    return this.#cut(size);
  }

  /** Receives chunks until `size` bytes are available or the archive ends. */
  async #collect(size: number): Promise<void> {
    const chunks = [this.#rest];
    let length = this.#rest.length;
    while (length < size) {
      const next = await this.#iterator.next();
      if (next.done === true) break;
      chunks.push(next.value);
      length += next.value.length;
    }
    this.#rest = Buffer.concat(chunks, length);
    if (length > 0 && length < size) throw truncated();
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    while (this.#left > 0) {
      if (this.#rest.length === 0) await this.#receive();
      else yield this.#available();
    }
  }

  /** Receives the next chunk. Call this only after all received bytes have been read. */
  async #receive(): Promise<void> {
    const next = await this.#iterator.next();
    if (next.done === true) throw truncated();
    this.#rest = next.value;
  }

  /** Reads the bytes of the current content that are in memory. */
  #available(): Buffer {
    const bytes = this.#cut(this.#left);
    this.#left -= bytes.length;
    return bytes;
  }

  #cut(size: number): Buffer {
    const bytes = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(bytes.length);
    return bytes;
  }
}

function truncated(): ArchiveError {
  return new ArchiveError("it is truncated");
}
