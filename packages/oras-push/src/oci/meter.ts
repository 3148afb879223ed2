import { createHash } from "node:crypto";
import type { Digest } from "./digest.ts";

/** Returns the digest of bytes in memory. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Counts and hashes the bytes of a stream. */
export class Meter {
  readonly #hash = createHash("sha256");
  #digest: Digest | undefined;
  #size = 0;

  /** The number of bytes added so far. */
  get size(): number {
    return this.#size;
  }

  /** Adds the next bytes. */
  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#size += chunk.length;
  }

  /** Returns the digest of all added bytes. After a call of this method, do not call {@link update}. */
  digest(): Digest {
    this.#digest ??= `sha256:${this.#hash.digest("hex")}`;
    return this.#digest;
  }
}

/** Yields the chunks of a stream and adds their bytes to a meter. */
export async function* metered(source: AsyncIterable<Buffer>, meter: Meter): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    meter.update(chunk);
    yield chunk;
  }
}
