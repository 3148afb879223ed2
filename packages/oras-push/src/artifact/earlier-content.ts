import { ToolError } from "shared/cli/tool-error";
import type { LayerSource } from "../layer/layer.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { ManifestError, parseManifest, type StoredManifest } from "../oci/manifest.ts";
import type { AnyReference } from "../oci/reference.ts";

/**
 * Length of the blob prefix that is compared, in bytes. It spans several compressed blocks, even if they compress well.
 */
const COMPARED_HEAD = 1 << 20;

/** The content of a store from earlier pushes. Each query is sent once, at its first use. */
export interface EarlierContent {
  /** The layers of the artifacts that the tags of this push currently name. Unreadable manifests count as empty. */
  layers(): Promise<readonly Descriptor[]>;
  /** Whether the store may have any blob: false if it has no tag, true if its tags cannot be listed. */
  mayHaveBlobs(): Promise<boolean>;
}

/** Returns the queries for a store and for the references of this push in that store. */
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
 * Finds a folder's layer among the layers of earlier pushes, and returns its descriptor. Two layers are equal if the
 * earlier blob begins with `head`, the first bytes of the new layer, and the archives have the same digest. Reads the
 * archive to compare the digests, but does not compress it. Undefined if there is no such layer. Throws `noInput` if
 * the folder cannot be read.
 */
export async function findSameLayer(
  store: ArtifactStore,
  { title, mediaType, openArchive }: LayerSource,
  head: Buffer,
  layers: readonly Descriptor[],
): Promise<Descriptor | undefined> {
  if (openArchive === undefined) return undefined;
  for (const layer of layers) {
    if (layer.mediaType !== mediaType || layer.annotations?.[ANNOTATIONS.title] !== title) continue;
    if ((await undefinedIfRefused(beginsWith(store, layer, head.subarray(0, COMPARED_HEAD)))) !== true) continue;
    const archive = openArchive();
    for await (const _ of archive.bytes);
    const annotations = archive.annotations();
    if (annotations[ANNOTATIONS.contentDigest] !== layer.annotations[ANNOTATIONS.contentDigest]) continue;
    return { mediaType, digest: layer.digest, size: layer.size, annotations };
  }
  return undefined;
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
 * The response of a store. Undefined if the store refuses or its content is broken, because this push may repair the
 * content.
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
