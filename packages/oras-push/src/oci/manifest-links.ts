import { type Digest, isDigest } from "./digest.ts";
import { ManifestError, parseObject } from "./manifest.ts";

/** A manifest that an image index lists. */
export interface ListedManifest {
  readonly digest: Digest;
  readonly mediaType: string | undefined;
}

/** The digests that a manifest or an index contains (image-spec, manifest.md and image-index.md). */
export interface ManifestLinks {
  /** The digests of the config and the layers. */
  readonly blobs: readonly Digest[];
  /** The manifests that an index lists. Empty for an image manifest. */
  readonly manifests: readonly ListedManifest[];
  /**
   * The subject: the manifest that this manifest refers to. For example, the subject of a signature is the signed
   * manifest.
   */
  readonly subject: Digest | undefined;
}

/**
 * Finds the digests in a manifest or an index. Ignores invalid descriptors. Throws `ManifestError` if the bytes are
 * not a JSON object. This function is pure.
 */
export function manifestLinks(bytes: Buffer): ManifestLinks {
  const { config, layers, manifests, subject } = parseObject(bytes);
  return {
    blobs: [config, ...listOf(layers)].map(digestIn).filter((digest) => digest !== undefined),
    manifests: listOf(manifests).flatMap((entry) => {
      const digest = digestIn(entry);
      const mediaType = (entry as { mediaType?: unknown } | null)?.mediaType;
      return digest === undefined ? [] : [{ digest, mediaType: typeof mediaType === "string" ? mediaType : undefined }];
    }),
    subject: digestIn(subject),
  };
}

/** Does the same as {@link manifestLinks}, but returns no digests if the bytes are missing or are not a JSON object. */
export function linksOrNone(bytes: Buffer | undefined): ManifestLinks {
  try {
    return manifestLinks(bytes ?? Buffer.alloc(0));
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return { blobs: [], manifests: [], subject: undefined };
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function digestIn(value: unknown): Digest | undefined {
  const digest = (value as { digest?: unknown } | null | undefined)?.digest;
  return isDigest(digest) ? digest : undefined;
}
