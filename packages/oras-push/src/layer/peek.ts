/** The number of bytes that identify the format of a blob. */
export const HEAD = 4 << 10;

/** A stream whose first bytes are already in memory. */
export interface PeekedStream {
  /** At least the first {@link HEAD} bytes, or the whole stream if the stream is shorter. */
  readonly head: Buffer;
  /** The whole stream, including the first bytes. */
  readonly bytes: AsyncIterable<Buffer>;
}

/** Reads the first bytes of a stream. */
export async function peek(source: AsyncIterable<Buffer>): Promise<PeekedStream> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  for (let size = 0; size < HEAD; ) {
    const next = await iterator.next();
    if (next.done === true) break;
    chunks.push(next.value);
    size += next.value.length;
  }
  const head = Buffer.concat(chunks);
  const rest = { [Symbol.asyncIterator]: () => iterator };
  const bytes = (async function* () {
    yield head;
    yield* rest;
  })();
  return { head, bytes };
}
