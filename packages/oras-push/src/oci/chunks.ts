/** Splits a stream or a buffer into chunks of `size` bytes. Only the last chunk may be smaller. */
export async function* chunksOf(source: AsyncIterable<Buffer> | Buffer, size: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let collected = 0;
  for await (const bytes of Buffer.isBuffer(source) ? [source] : source)
    for (let start = 0; start < bytes.length; ) {
      const part = bytes.subarray(start, start + size - collected);
      parts.push(part);
      collected += part.length;
      start += part.length;
      if (collected < size) continue;
      yield Buffer.concat(parts, collected);
      parts = [];
      collected = 0;
    }
  if (collected > 0) yield Buffer.concat(parts, collected);
}
