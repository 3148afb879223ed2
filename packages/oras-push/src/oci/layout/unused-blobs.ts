import type { Digest } from "../digest.ts";
import { linksOrNone } from "../manifest-links.ts";
import type { LayoutIndex } from "./layout-index.ts";

/** Reads the blob of a manifest. Returns undefined if the blob is missing. */
export type ReadManifest = (digest: Digest) => Promise<Buffer | undefined>;

/**
 * Returns the digests of a manifest and of its blobs. If the manifest is an index, the result also contains the digests
 * of the listed manifests and of their blobs. If the index lists a blob that is not a manifest, the result contains the
 * digest of this blob.
 */
export async function blobsOf(manifest: Digest, read: ReadManifest): Promise<ReadonlySet<Digest>> {
  const found = new Set<Digest>();
  await addBlobs(manifest, read, found);
  return found;
}

/**
 * Returns the digests in `candidates` that no manifest of the index uses. Throws if a manifest of the index cannot be
 * read.
 */
export async function unusedBlobs(
  candidates: ReadonlySet<Digest>,
  index: LayoutIndex,
  read: ReadManifest,
): Promise<readonly Digest[]> {
  const used = new Set<Digest>();
  for (const { digest } of index.manifests) await addBlobs(digest, read, used);
  return [...candidates].filter((digest) => !used.has(digest));
}

/**
 * Returns the digest of a manifest's subject. Returns undefined if the manifest has no subject, or if the blob is
 * missing or is not a manifest.
 */
export async function subjectOf(manifest: Digest, read: ReadManifest): Promise<Digest | undefined> {
  return linksOrNone(await read(manifest)).subject;
}

async function addBlobs(manifest: Digest, read: ReadManifest, found: Set<Digest>): Promise<void> {
  if (found.has(manifest)) return;
  found.add(manifest);
  const links = linksOrNone(await read(manifest));
  for (const blob of links.blobs) found.add(blob);
  for (const { digest } of links.manifests) await addBlobs(digest, read, found);
}
