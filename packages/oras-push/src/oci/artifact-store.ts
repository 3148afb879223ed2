import type { Descriptor } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import type { StoredManifest } from "./manifest.ts";

/** The rights that a store is opened with. A token server grants no other rights. */
export type Access = "pull" | "pull,push";

/** Digest and size of a blob. */
export interface BlobInfo {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/** Opens a blob's content from its first byte; called once for each attempt. */
export type OpenContent = () => AsyncIterable<Buffer>;

/**
 * A place that holds artifacts: a repository of a registry, or an OCI image layout on disk. The operations are those of
 * the distribution specification.
 */
export interface ArtifactStore {
  /** Whether the store has a blob. */
  hasBlob(digest: Digest): Promise<boolean>;
  /** Takes a blob from another store without an upload. Returns false if this is not possible. */
  mountBlob(digest: Digest, source: ArtifactStore): Promise<boolean>;
  /** Stores a blob from memory. */
  pushBlob(content: Buffer, digest: Digest): Promise<void>;
  /** Stores a blob whose digest and size are known. */
  pushKnownBlob(blob: BlobInfo, open: OpenContent): Promise<void>;
  /** Stores a blob whose digest and size are not known before its last byte. */
  pushStreamedBlob(open: OpenContent): Promise<BlobInfo>;
  /** A blob's content. The caller checks size and digest. */
  fetchBlob(descriptor: Descriptor): AsyncIterable<Buffer>;
  /** A manifest by tag or digest. Checks the digest of the content. Undefined if there is no such manifest. */
  fetchManifest(reference: string): Promise<StoredManifest | undefined>;
  /** Stores a manifest under a tag, or by its digest alone if no tag is given. */
  pushManifest(manifest: StoredManifest, tag: string | undefined): Promise<void>;
  /** Stores a manifest under a free tag. If the tag exists, stores nothing and returns the manifest that it names. */
  addManifest(manifest: StoredManifest, tag: string): Promise<StoredManifest | undefined>;
  /** Whether the store has any tag. */
  hasTags(): Promise<boolean>;
  /** All tags. */
  listTags(): Promise<string[]>;
}
