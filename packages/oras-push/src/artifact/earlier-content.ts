import { ToolError } from "shared/cli/tool-error";
import type { LayerSource } from "../layer/layer-source.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { ManifestError, parseManifest, type StoredManifest } from "../oci/manifest.ts";
import type { AnyReference } from "../oci/reference.ts";

/**
 * The number of bytes to compare at the start of two blobs. This number is large enough for several compressed blocks,
 * even if compression does not make the blocks smaller.
 */
const COMPARED_HEAD = 1 << 20;

/**
 * Queries about the layers and blobs that earlier pushes left in a store. Each query is sent only once, when its result
 * is first needed.
 */
export interface EarlierContent {
  /**
   * Reads the existing manifest of each tag of this push. Returns the layers of these manifests. Ignores unreadable
   * manifests.
   */
  layers(): Promise<readonly Descriptor[]>;
  /** Whether the store may contain blobs. False if the store has no tags. True if the tags cannot be listed. */
  mayHaveBlobs(): Promise<boolean>;
}

/**
 * Returns {@link EarlierContent} for one store. `references` are the references that the current push writes to the
 * store.
 */
export function earlierContent(store: ArtifactStore, references: readonly AnyReference[]): EarlierContent {
  const layers = async () => {
    const tags = references.flatMap(({ tag }) => (tag === undefined ? [] : [tag]));
    const manifests = await Promise.all(tags.map((tag) => undefinedIfRefused(store.fetchManifest(tag))));
    return manifests.flatMap((manifest) => (manifest === undefined ? [] : layersOf(manifest)));
  };
  const mayHaveBlobs = () =>
    store.hasTags().catch((error: unknown) => {
      if (error instanceof ToolError) return true;
      throw error;
    });
  return { layers: once(layers), mayHaveBlobs: once(mayHaveBlobs) };
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => {
    answer ??= ask();
    return answer;
  };
}

/**
 * Searches the layers of earlier pushes for a layer that equals the new layer of a folder. Returns the descriptor of
 * the earlier layer, or undefined if no earlier layer is equal. Two layers are equal if their blobs begin with the same
 * bytes, and if their archives have the same digest. `head` contains the first chunks of the new blob. To get the
 * digest of the new archive, this function reads the whole folder, but compresses nothing. Throws `noInput` if the
 * folder cannot be read.
 */
export async function findSameLayer(
  store: ArtifactStore,
  { title, mediaType, describeArchive }: LayerSource,
  head: readonly Buffer[],
  layers: readonly Descriptor[],
): Promise<Descriptor | undefined> {
  if (describeArchive === undefined) return undefined;
  for (const layer of layers) {
    if (layer.mediaType !== mediaType || layer.annotations?.[ANNOTATIONS.title] !== title) continue;
    if ((await undefinedIfRefused(beginsWith(store, layer, firstBytes(head, COMPARED_HEAD)))) !== true) continue;
    const annotations = await describeArchive();
    if (annotations[ANNOTATIONS.contentDigest] !== layer.annotations[ANNOTATIONS.contentDigest]) continue;
    // The comparison has read only the start of the earlier blob. In a layout on disk, the rest of this blob can be
    // broken. Therefore, `hasBlob` checks the whole blob in a layout.
    if (!(await store.hasBlob(layer.digest, layer.size))) continue;
    return { mediaType, digest: layer.digest, size: layer.size, annotations };
  }
  return undefined;
}

/** Joins the first `size` bytes of several chunks. */
function firstBytes(chunks: readonly Buffer[], size: number): Buffer {
  const needed: Buffer[] = [];
  let length = 0;
  for (const chunk of chunks) {
    if (length >= size) break;
    needed.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(needed).subarray(0, size);
}

async function beginsWith(store: ArtifactStore, layer: Descriptor, head: Buffer): Promise<boolean> {
  let seen = 0;
  for await (const chunk of store.fetchBlob(layer)) {
    const part = chunk.subarray(0, head.length - seen);
    if (!part.equals(head.subarray(seen, seen + part.length))) return false;
    seen += part.length;
    if (seen === head.length) return true;
  }
  return false;
}

/**
 * Returns the response of a store. Returns undefined if the store refuses the request, or if the content in the store
 * is broken. Broken content is not an error here, because the current push can replace it with correct content.
 */
async function undefinedIfRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ToolError && error.code === "registry") return undefined;
    throw error;
  }
}

function layersOf(manifest: StoredManifest): readonly Descriptor[] {
  try {
    return parseManifest(manifest.bytes).layers;
  } catch (error) {
    if (error instanceof ManifestError) return [];
    throw error;
  }
}
