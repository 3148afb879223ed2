import type { Descriptor } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import type { StoredManifest } from "./manifest.ts";

/** The rights that a command needs in a store. A token for the store grants only these rights. */
export type Access = "pull" | "pull,push" | "pull,delete";

/** The digest and the size of a blob. */
export interface BlobInfo {
  readonly digest: Digest;
  /** The size in bytes. */
  readonly size: number;
}

/**
 * A function that opens the content of a blob at the first byte. A store calls this function before each attempt to
 * send the content.
 */
export type OpenContent = () => AsyncIterable<Buffer>;

/**
 * A place that holds artifacts: a repository of a registry, or an OCI image layout on disk. The operations are those of
 * the distribution specification.
 */
export interface ArtifactStore {
  /**
   * Whether the store has a blob. Pass the size in bytes if you know the size. The size helps to detect wrong
   * responses.
   */
  hasBlob(digest: Digest, size?: number): Promise<boolean>;
  /**
   * Asks the store whether it has a blob. Does not repeat a failed request. The returned promise is never rejected.
   * Therefore, the caller can do other work before it awaits the promise. Returns undefined if the store did not
   * answer. An OCI layout always returns undefined, because an early answer from a layout would save no time.
   */
  probeBlob(digest: Digest, size: number): Promise<boolean | undefined>;
  /**
   * Mounts a blob. The store takes the blob from `source`, so that no upload is needed. Returns false if a mount is not
   * possible.
   */
  mountBlob(digest: Digest, source: ArtifactStore): Promise<boolean>;
  /** Stores a blob from memory. */
  pushBlob(content: Buffer, digest: Digest): Promise<void>;
  /** Stores a blob whose digest and size are known. */
  pushKnownBlob(blob: BlobInfo, open: OpenContent): Promise<void>;
  /**
   * Stores a blob while the caller produces the content. The digest and the size are known only after the last byte.
   */
  pushStreamedBlob(open: OpenContent): Promise<BlobInfo>;
  /**
   * Returns a blob's content. `start` is the offset of the first byte. The default is 0. The caller must check the size
   * and the digest.
   */
  fetchBlob(descriptor: Descriptor, start?: number): AsyncIterable<Buffer>;
  /**
   * Fetches a manifest by tag or digest, and checks the digest of the manifest. Returns undefined if the store does not
   * have the manifest.
   */
  fetchManifest(reference: string): Promise<StoredManifest | undefined>;
  /** Stores a manifest under a tag, or only under its digest if no tag is given. */
  pushManifest(manifest: StoredManifest, tag: string | undefined): Promise<void>;
  /**
   * Stores a manifest under a tag if the tag does not exist yet, and returns undefined. If the tag exists, returns the
   * manifest that has this tag, and does not change the tag.
   */
  addManifest(manifest: StoredManifest, tag: string): Promise<StoredManifest | undefined>;
  /** Whether the store has at least one tag. */
  hasTags(): Promise<boolean>;
  /** Lists all tags. */
  listTags(): Promise<string[]>;
  /**
   * Lists the manifests whose subject is `digest`. For example, a signature is such a manifest. The list includes
   * manifests without a tag.
   */
  listReferrers(digest: Digest): Promise<readonly Digest[]>;
  /**
   * Deletes a manifest. Also deletes each tag in `tags` that still refers to this manifest. It is no error if the
   * manifest is already deleted. Throws `registry` if the registry refuses the deletion.
   */
  deleteManifest(digest: Digest, tags: readonly string[]): Promise<void>;
  /**
   * Deletes the blobs of the manifests that {@link deleteManifest} has deleted. Keeps a blob if another manifest uses
   * it. Does nothing in a registry, because the garbage collection of the registry deletes unused blobs.
   */
  deleteUnusedBlobs(): Promise<void>;
}
