import type { LayerSource } from "../layer/layer-source.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import { type Annotations, type Descriptor, EMPTY_CONTENT, EMPTY_DESCRIPTOR } from "../oci/descriptor.ts";
import { buildManifest, type StoredManifest } from "../oci/manifest.ts";
import type { AnyReference } from "../oci/reference.ts";
import { type ImageConfig, imageConfig, imageReference } from "./image.ts";
import type { PushedLayer } from "./push-layer.ts";

/** The description of an artifact, without the artifact's layers. */
export interface Artifact {
  readonly artifactType?: string | undefined;
  readonly annotations: Annotations;
  /** Annotations of the config descriptor. */
  readonly configAnnotations?: Annotations;
  /** How to make the artifact mountable. By default, the artifact cannot be mounted. */
  readonly mountable?: Mountable | undefined;
}

/** How to make an artifact mountable as an image. */
export interface Mountable {
  /**
   * An archive of all files that are separate layers of the artifact. If the artifact has such files, a push also
   * writes an image. The layers of this image are the artifact's folders and this archive. The value is undefined if
   * the artifact has only folders, because such an artifact can itself be mounted.
   */
  readonly files: LayerSource | undefined;
}

/**
 * The kind of a manifest: the manifest of the artifact itself, or the manifest of an image with the artifact's files.
 */
export type Variant = "artifact" | "image";

/** A reference, and the kind of manifest that the push writes under this reference. */
export interface Target {
  readonly reference: AnyReference;
  readonly variant: Variant;
}

/**
 * Returns the list of references that a push writes. In this list, the reference of each artifact comes before the
 * reference of its image.
 */
export function targetsOf(references: readonly AnyReference[], { mountable }: Artifact): Target[] {
  return references.flatMap((reference): Target[] => [
    { reference, variant: "artifact" },
    ...(mountable?.files === undefined ? [] : [{ reference: imageReference(reference), variant: "image" } as const]),
  ]);
}

/** Returns all layers that a push sends. If there is an archive of the files, it is the last layer. */
export function sourcesOf(sources: readonly LayerSource[], { mountable }: Artifact): readonly LayerSource[] {
  return mountable?.files === undefined ? sources : [...sources, mountable.files];
}

/** Returns the layers of one manifest. `layers` contains all pushed layers, in the order of {@link sourcesOf}. */
export function layersOf(
  { mountable }: Artifact,
  layers: readonly PushedLayer[],
  variant: Variant,
): readonly PushedLayer[] {
  if (mountable?.files === undefined) return layers;
  if (variant === "artifact") return layers.slice(0, -1);
  return layers.filter((layer) => isFolder(layer.descriptor) || layer === layers.at(-1));
}

/** Builds one manifest. Throws `NotMountableError` if the artifact cannot be mounted. */
export function manifestOf(artifact: Artifact, layers: readonly PushedLayer[], variant: Variant): StoredManifest {
  const { artifactType, configAnnotations = {} } = artifact;
  const descriptors = layersOf(artifact, layers, variant).map(({ descriptor }) => descriptor);
  const { descriptor: config } = configOf(artifact, descriptors, variant);
  const annotations = variant === "artifact" ? artifact.annotations : imageAnnotations(artifact, layers);
  return buildManifest({ artifactType, annotations, configAnnotations, layers: descriptors, config });
}

/** The configs of all manifests. */
export function configsOf(artifact: Artifact, layers: readonly PushedLayer[]): readonly ImageConfig[] {
  const variants: readonly Variant[] = artifact.mountable?.files === undefined ? ["artifact"] : ["artifact", "image"];
  return variants.map((variant) =>
    configOf(
      artifact,
      layersOf(artifact, layers, variant).map(({ descriptor }) => descriptor),
      variant,
    ),
  );
}

function configOf({ mountable }: Artifact, layers: readonly Descriptor[], variant: Variant): ImageConfig {
  const isImage = variant === "image" || (mountable !== undefined && mountable.files === undefined);
  return isImage ? imageConfig(layers) : { bytes: EMPTY_CONTENT, descriptor: EMPTY_DESCRIPTOR };
}

/** Returns the annotations of an artifact's image: the date of the artifact, and the digest of the artifact. */
function imageAnnotations(artifact: Artifact, layers: readonly PushedLayer[]): Annotations {
  const { digest } = manifestOf(artifact, layers, "artifact").descriptor;
  const created = artifact.annotations[ANNOTATIONS.created];
  return { ...(created === undefined ? {} : { [ANNOTATIONS.created]: created }), [ANNOTATIONS.imageOf]: digest };
}

function isFolder({ annotations }: Descriptor): boolean {
  return annotations?.[ANNOTATIONS.unpack] === "true";
}
