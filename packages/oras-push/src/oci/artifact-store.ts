import type { Descriptor } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import type { StoredManifest } from "./manifest.ts";

/** The rights with which a store is opened. Tokens for the store contain only these rights. */
export type Access = "pull" | "pull,push";

/** The digest and the size of a blob. */
export interface BlobInfo {
  readonly digest: Digest;
  /** The size in bytes. */
  readonly size: number;
}

/** Opens a blob's content at its first byte. Called once for each attempt. */
export type OpenContent = () => AsyncIterable<Buffer>;

/**
 * A place that holds artifacts: a repository of a registry, or an OCI image layout on disk. The operations are those of
 * the distribution specification.
 */
export interface ArtifactStore {
  /** Whether the store has a blob. Pass the size in bytes if it is known. The size helps to detect wrong responses. */
  hasBlob(digest: Digest, size?: number): Promise<boolean>;
  /** Mounts a blob of another store, without an upload. Returns false if a mount is not possible. */
  mountBlob(digest: Digest, source: ArtifactStore): Promise<boolean>;
  /** Stores a blob from memory. */
  pushBlob(content: Buffer, digest: Digest): Promise<void>;
  /** Stores a blob whose digest and size are known. */
  pushKnownBlob(blob: BlobInfo, open: OpenContent): Promise<void>;
  /** Stores a blob whose digest and size become known only at its last byte. */
  pushStreamedBlob(open: OpenContent): Promise<BlobInfo>;
  /** Returns a blob's content. The caller must check the size and the digest. */
  fetchBlob(descriptor: Descriptor): AsyncIterable<Buffer>;
  /** Fetches a manifest by tag or digest, and checks its digest. Returns undefined if there is no such manifest. */
  fetchManifest(reference: string): Promise<StoredManifest | undefined>;
  /** Stores a manifest under a tag. If no tag is given, stores the manifest only under its digest. */
  pushManifest(manifest: StoredManifest, tag: string | undefined): Promise<void>;
  /**
   * Stores a manifest under a new tag. If the tag already exists, returns the manifest of the tag and stores nothing.
   */
  addManifest(manifest: StoredManifest, tag: string): Promise<StoredManifest | undefined>;
  /** Whether the store has any tag. */
  hasTags(): Promise<boolean>;
  /** Lists all tags. */
  listTags(): Promise<string[]>;
}
