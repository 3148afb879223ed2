import { NotMountableError } from "../layer/mountable-entries.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { IMAGE_CONFIG } from "../oci/media-types.ts";
import { digestOf } from "../oci/meter.ts";
import type { AnyReference } from "../oci/reference.ts";
import { IMAGE_SUFFIX } from "./image-suffix.ts";

/**
 * The maximum number of layers of an image. This number is below the limits for mounts in podman (129 layers in some
 * versions) and in containerd (about 300 layers).
 */
const MAX_IMAGE_LAYERS = 127;

/** The config of an image: the blob and its descriptor. */
export interface ImageConfig {
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
}

/**
 * Makes the config of an image from its layers (image-spec, config.md). The same layers always give the same config.
 * The architecture in the config has no effect on a mount. Throws {@link NotMountableError} if a layer is not an
 * archive.
 */
export function imageConfig(layers: readonly Descriptor[]): ImageConfig {
  const rootfs = { type: "layers", diff_ids: layers.map(contentDigest) };
  const bytes = Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", rootfs }));
  return { bytes, descriptor: { mediaType: IMAGE_CONFIG, digest: digestOf(bytes), size: bytes.length } };
}

/** Throws {@link NotMountableError} if an image would have too many layers. */
export function checkLayerCount(count: number): void {
  if (count > MAX_IMAGE_LAYERS)
    throw new NotMountableError(
      "the artifact",
      `it needs ${count} layers, and an image has at most ${MAX_IMAGE_LAYERS}`,
      "put several folders into one folder",
    );
}

/** Returns the reference of the image that belongs to an artifact. */
export function imageReference<R extends AnyReference>(reference: R): R {
  return reference.tag === undefined ? reference : { ...reference, tag: `${reference.tag}${IMAGE_SUFFIX}` };
}

function contentDigest({ annotations }: Descriptor): Digest {
  const digest = annotations?.[ANNOTATIONS.contentDigest];
  if (isDigest(digest)) return digest;
  throw new NotMountableError(
    annotations?.[ANNOTATIONS.title] ?? "a layer",
    "its layer is not an archive",
    "push the folder that contains the file",
  );
}
