import { ToolError } from "shared/cli/tool-error";
import type { LayerSource } from "../layer/layer.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { ManifestError, parseManifest, type StoredManifest } from "../oci/manifest.ts";
import { ANNOTATIONS } from "../oci/media-types.ts";
import type { AnyReference } from "../oci/reference.ts";
import type { PushTarget } from "./push.ts";

/** Bytes of a blob that are looked at to see who made it; enough for several blocks of what compresses well. */
const LOOK = 1 << 20;

/** What a place has from pushes before this one; asked for once, and not before it is wanted. */
export interface EarlierContent {
  /** The layers of what the tags of this push name already; what is no manifest has none, nor has what is refused. */
  layers(): Promise<readonly Descriptor[]>;
  /** Whether a blob may be there: not where nothing is tagged yet. A place that does not say may have any. */
  mayHaveBlobs(): Promise<boolean>;
}

/** Looks for what there is in a place and under the references of a push to it. */
export function earlierContent(target: PushTarget, references: readonly AnyReference[]): EarlierContent {
  const layers = async () => {
    const tags = references.flatMap(({ tag }) => (tag === undefined ? [] : [tag]));
    const manifests = await Promise.all(tags.map((tag) => unlessRefused(target.fetchManifest(tag))));
    return manifests.flatMap((manifest) => (manifest === undefined ? [] : layersOf(manifest)));
  };
  const mayHaveBlobs = () =>
    target.hasTags().catch((error: unknown) => {
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
 * The descriptor of a folder's layer, if it was pushed before just as it would be now: its blob begins with `head`, the
 * first bytes of the layer, and so was made in the same way, and it holds the same archive, which is read for that but not
 * compressed. Undefined where there is none whose blob is still there. Throws `noInput` as reading the folder does.
 */
export async function sameEarlierLayer(
  target: PushTarget,
  { title, mediaType, openArchive }: LayerSource,
  head: Buffer,
  layers: readonly Descriptor[],
): Promise<Descriptor | undefined> {
  if (openArchive === undefined) return undefined;
  for (const layer of layers) {
    if (layer.mediaType !== mediaType || layer.annotations?.[ANNOTATIONS.title] !== title) continue;
    if ((await unlessRefused(beginsWith(target, layer, head.subarray(0, LOOK)))) !== true) continue;
    const archive = openArchive();
    for await (const _ of archive.bytes);
    const annotations = archive.annotations();
    if (annotations[ANNOTATIONS.contentDigest] !== layer.annotations[ANNOTATIONS.contentDigest]) continue;
    return { mediaType, digest: layer.digest, size: layer.size, annotations };
  }
  return undefined;
}

async function beginsWith(target: PushTarget, layer: Descriptor, head: Buffer): Promise<boolean> {
  let seen = 0;
  for await (const chunk of target.fetchBlob(layer)) {
    const part = chunk.subarray(0, head.length - seen);
    if (!part.equals(head.subarray(seen, seen + part.length))) return false;
    seen += part.length;
    if (seen === head.length) return true;
  }
  return false;
}

/** What a place gives; undefined where it refuses, or what it gives is broken: a push may be there to repair that. */
async function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
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
