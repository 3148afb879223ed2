import { createHash } from "node:crypto";

/** A content digest (image-spec, descriptor.md, "Digests"): `sha256:` and 64 hexadecimal digits. */
export type Digest = `sha256:${string}`;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Whether text is a digest of the one algorithm that registries must support, sha256. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && DIGEST.test(text);
}

/** The digest of bytes at hand. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The first twelve digits, as logs show them. */
export function shortDigest(digest: Digest): string {
  return digest.slice("sha256:".length, "sha256:".length + 12);
}

/** Counts and hashes bytes that pass by. */
export class Meter {
  readonly #hash = createHash("sha256");
  #digest: Digest | undefined;
  #size = 0;

  /** Number of bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** Takes the next bytes. */
  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#size += chunk.length;
  }

  /** The digest of all bytes; none may follow. */
  digest(): Digest {
    this.#digest ??= `sha256:${this.#hash.digest("hex")}`;
    return this.#digest;
  }
}

/** Passes bytes on and lets a meter see them. */
export async function* metered(source: AsyncIterable<Buffer>, meter: Meter): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    meter.update(chunk);
    yield chunk;
  }
}
