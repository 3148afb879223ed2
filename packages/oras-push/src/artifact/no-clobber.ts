import { isDeepStrictEqual } from "node:util";
import { ToolError } from "shared/cli/tool-error";
import { ANNOTATIONS } from "../oci/annotations.ts";
import { shortDigest } from "../oci/digest.ts";
import { type Manifest, ManifestError, parseManifest, type StoredManifest } from "../oci/manifest.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";

/** Annotations that say when and where an artifact was made. They do not belong to its content. */
const VOLATILE_ANNOTATIONS: ReadonlySet<string> = new Set([
  ANNOTATIONS.created,
  ANNOTATIONS.attempt,
  ANNOTATIONS.startedAt,
  ANNOTATIONS.finishedAt,
  ANNOTATIONS.pod,
  ANNOTATIONS.namespace,
  ANNOTATIONS.node,
]);

/**
 * Checks that a tag's manifest has the same artifact type, layers and annotations as the new manifest. Ignores annotations
 * that say when and where the artifact was made. Throws `cannotCreate` with a description of the existing artifact.
 */
export function checkSameContent(reference: AnyReference, existing: StoredManifest, wanted: StoredManifest): void {
  const found = contentOf(existing);
  if (found !== undefined && isDeepStrictEqual(found, contentOf(wanted))) return;
  throw new ToolError("cannotCreate", `${formatReference(reference)} already names other content`, {
    why: descriptionOf(existing),
    hint: "push to another tag, or without --no-clobber",
  });
}

/** The content of a manifest; undefined if it is of a different kind, such as an index. */
function contentOf(manifest: StoredManifest): Manifest | undefined {
  const parsed = manifestOf(manifest);
  if (parsed === undefined) return undefined;
  const annotations = Object.entries(parsed.annotations).filter(([key]) => !VOLATILE_ANNOTATIONS.has(key));
  return { ...parsed, annotations: Object.fromEntries(annotations) };
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
