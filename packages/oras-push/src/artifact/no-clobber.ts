import { isDeepStrictEqual } from "node:util";
import { ToolError } from "shared/cli/tool-error";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { shortDigest } from "../oci/digest.ts";
import { type Manifest, ManifestError, parseManifest, parseObject, type StoredManifest } from "../oci/manifest.ts";
import { IMAGE_CONFIG } from "../oci/media-types.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";

/**
 * Annotations that say when and where an artifact was made. Artifacts with the same content may differ in these
 * annotations.
 */
const VOLATILE_ANNOTATIONS: ReadonlySet<string> = new Set([
  ANNOTATIONS.created,
  ANNOTATIONS.imageOf,
  ANNOTATIONS.attempt,
  ANNOTATIONS.startedAt,
  ANNOTATIONS.finishedAt,
  ANNOTATIONS.pod,
  ANNOTATIONS.namespace,
  ANNOTATIONS.node,
  ANNOTATIONS.resumedFrom,
]);

/**
 * Layers with the same content may have different values for these annotations. For example, a copied file may have a
 * newer modification time than the original file.
 */
const VOLATILE_OF_LAYERS: ReadonlySet<string> = new Set([ANNOTATIONS.fileTime]);

/**
 * Checks that a tag's manifest has the same artifact type, layers and annotations as the new manifest. Also checks that
 * either both of these manifests are mountable, or neither of them. Ignores annotations that say when and where the
 * artifact was made. Throws `cannotCreate` with a description of the existing artifact if the manifests differ.
 */
export function checkSameContent(reference: AnyReference, existing: StoredManifest, wanted: StoredManifest): void {
  const found = contentOf(existing);
  if (found !== undefined && isDeepStrictEqual(found, contentOf(wanted))) return;
  throw new ToolError("cannotCreate", `${formatReference(reference)} already refers to different content`, {
    why: descriptionOf(existing),
    hint: "use a different tag, or push without --no-clobber",
  });
}

/**
 * Parses a manifest, and removes the annotations that {@link checkSameContent} ignores. Returns undefined if the
 * manifest does not describe an artifact. For example, an index does not describe an artifact.
 */
function contentOf(manifest: StoredManifest): (Manifest & { readonly mountable: boolean }) | undefined {
  const parsed = manifestOf(manifest);
  if (parsed === undefined) return undefined;
  const layers = parsed.layers.map(({ annotations, ...layer }) =>
    annotations === undefined ? layer : { ...layer, annotations: without(annotations, VOLATILE_OF_LAYERS) },
  );
  const { config } = parseObject(manifest.bytes) as { config?: { mediaType?: unknown } | null };
  const mountable = config?.mediaType === IMAGE_CONFIG;
  return { ...parsed, layers, annotations: without(parsed.annotations, VOLATILE_ANNOTATIONS), mountable };
}

function without(annotations: Annotations, names: ReadonlySet<string>): Annotations {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !names.has(key)));
}

function descriptionOf(manifest: StoredManifest): string {
  const { digest, mediaType } = manifest.descriptor;
  const parsed = manifestOf(manifest);
  if (parsed === undefined) return `${shortDigest(digest)}, media type ${mediaType}`;
  const created = parsed.annotations[ANNOTATIONS.created];
  const layers = parsed.layers.map(({ annotations, digest, size }) => {
    const title = annotations?.[ANNOTATIONS.title];
    return `${title ?? "a layer without a title"} ${shortDigest(digest)} of ${size} bytes`;
  });
  return [digest, ...(created === undefined ? [] : [`made ${created}`]), ...layers].join(", ");
}

function manifestOf({ bytes }: StoredManifest): Manifest | undefined {
  try {
    return parseManifest(bytes);
  } catch (error) {
    if (error instanceof ManifestError) return undefined;
    throw error;
  }
}
