import { ToolError } from "shared/cli/tool-error";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import { ManifestError, parseManifest } from "../oci/manifest.ts";
import { type AnyReference, MAX_TAG_LENGTH } from "../oci/reference.ts";
import { imageReference } from "./image.ts";

/** An image that an earlier push with `--mountable` left beside a tag. */
export interface OldImage {
  /** The reference of the artifact, not of the image. */
  readonly reference: AnyReference;
  readonly image: AnyReference;
  /** The digest of the artifact that the image belongs to. */
  readonly imageOf: string;
}

/**
 * Finds the images of earlier pushes beside the tags of these references. Sends one request for each tag. Finds nothing
 * if a store refuses the request, because the images only cause a warning.
 */
export async function findOldImages(store: ArtifactStore, references: readonly AnyReference[]): Promise<OldImage[]> {
  const found = await Promise.all(
    references.map(async (reference) => {
      const image = imageReference(reference);
      const imageOf = await imageOfTag(store, image.tag);
      return imageOf === undefined ? [] : [{ reference, image, imageOf }];
    }),
  );
  return found.flat();
}

async function imageOfTag(store: ArtifactStore, tag: string | undefined): Promise<string | undefined> {
  if (tag === undefined || tag.length > MAX_TAG_LENGTH) return undefined;
  try {
    const manifest = await store.fetchManifest(tag);
    return manifest && parseManifest(manifest.bytes).annotations[ANNOTATIONS.imageOf];
  } catch (error) {
    if (error instanceof ToolError || error instanceof ManifestError) return undefined;
    throw error;
  }
}
