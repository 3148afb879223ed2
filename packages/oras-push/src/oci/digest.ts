/** A content digest (image-spec, descriptor.md, "Digests"): `sha256:` and 64 hexadecimal digits. */
export type Digest = `sha256:${string}`;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Whether a text is a sha256 digest. sha256 is the only algorithm that every registry must support. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && DIGEST.test(text);
}

/** Returns the first twelve hexadecimal digits of a digest, for logs. */
export function shortDigest(digest: Digest): string {
  return digest.slice("sha256:".length, "sha256:".length + 12);
}
