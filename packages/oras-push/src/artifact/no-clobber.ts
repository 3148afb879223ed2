import { isDeepStrictEqual } from "node:util";
import { ToolError } from "shared/cli/tool-error";
import { shortDigest } from "../oci/digest.ts";
import { type Manifest, ManifestError, parseManifest, type StoredManifest } from "../oci/manifest.ts";
import { ANNOTATIONS } from "../oci/media-types.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";

/** What says when and where an artifact was made, not what it is. */
const CIRCUMSTANCES: ReadonlySet<string> = new Set([
  ANNOTATIONS.created,
  ANNOTATIONS.attempt,
  ANNOTATIONS.startedAt,
  ANNOTATIONS.finishedAt,
  ANNOTATIONS.pod,
  ANNOTATIONS.namespace,
  ANNOTATIONS.node,
]);

/**
 * Checks that the manifest a tag names holds the same as the one that is to be pushed: the same artifact type, layers and
 * annotations, but for those that say when and where it was made. Throws `cannotCreate`, saying what is there.
 */
export function checkSameContent(reference: AnyReference, there: StoredManifest, wanted: StoredManifest): void {
  const found = contentOf(there);
  if (found !== undefined && isDeepStrictEqual(found, contentOf(wanted))) return;
  throw new ToolError("cannotCreate", `${formatReference(reference)} names other content already`, {
    why: descriptionOf(there),
    hint: "--no-clobber leaves it as it is: push to another tag, or without that option",
  });
}

/** What of a manifest is its content; undefined for one of another kind, such as an index. */
function contentOf(manifest: StoredManifest): Manifest | undefined {
  const parsed = manifestOf(manifest);
  if (parsed === undefined) return undefined;
  const annotations = Object.entries(parsed.annotations).filter(([key]) => !CIRCUMSTANCES.has(key));
  return { ...parsed, annotations: Object.fromEntries(annotations) };
}

function descriptionOf(manifest: StoredManifest): string {
  const { digest, mediaType } = manifest.descriptor;
  const parsed = manifestOf(manifest);
  if (parsed === undefined) return `${shortDigest(digest)}, of type ${mediaType}`;
  const created = parsed.annotations[ANNOTATIONS.created];
  const layers = parsed.layers.map(({ annotations, digest, size }) => {
    const title = annotations?.[ANNOTATIONS.title];
    return `${title ?? "a layer without a name"} ${shortDigest(digest)} of ${size} bytes`;
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
