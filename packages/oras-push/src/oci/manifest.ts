import { ToolError } from "shared/cli/tool-error";
import {
  type Annotations,
  type Descriptor,
  EMPTY_DESCRIPTOR,
  orderedDescriptor,
  sortedAnnotations,
} from "./descriptor.ts";
import { isDigest } from "./digest.ts";
import { MAX_MANIFEST_BYTES } from "./manifest-size.ts";
import { DOCKER_MANIFEST, OCI_MANIFEST, UNKNOWN_ARTIFACT } from "./media-types.ts";
import { digestOf } from "./meter.ts";

/** The manifest fields that a pull needs (image-spec, manifest.md). */
export interface Manifest {
  readonly artifactType: string | undefined;
  readonly layers: readonly Descriptor[];
  readonly annotations: Annotations;
}

/** A stored manifest: the bytes and the descriptor of these bytes. */
export interface StoredManifest {
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
}

/** The error for a manifest that is invalid or has an unsupported type. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

/**
 * Builds a manifest. The same artifact always results in the same bytes. If the artifact has no layers, the manifest
 * lists {@link EMPTY_DESCRIPTOR} as its layer. Throws `registry` if the manifest is longer than
 * {@link MAX_MANIFEST_BYTES}, because a pull would reject this manifest.
 */
export function buildManifest(artifact: {
  readonly artifactType?: string | undefined;
  readonly layers: readonly Descriptor[];
  readonly annotations: Annotations;
  /** The descriptor of the config, without annotations. The default is the empty descriptor. */
  readonly config?: Descriptor | undefined;
  /** The annotations of the config's descriptor. */
  readonly configAnnotations?: Annotations;
}): StoredManifest {
  const layers = artifact.layers.length > 0 ? artifact.layers : [EMPTY_DESCRIPTOR];
  const { annotations, configAnnotations = {} } = artifact;
  const { config: given = EMPTY_DESCRIPTOR } = artifact;
  const config = Object.keys(configAnnotations).length === 0 ? given : { ...given, annotations: configAnnotations };
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: artifact.artifactType ?? UNKNOWN_ARTIFACT,
      config: orderedDescriptor(config),
      layers: layers.map(orderedDescriptor),
      annotations: sortedAnnotations(annotations),
    }),
  );
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw new ToolError("registry", "the manifest is too large", {
      why: `expected at most ${MAX_MANIFEST_BYTES} bytes, found ${bytes.length} bytes with ${layers.length} layers`,
      hint: "use fewer or shorter annotations, or push one folder instead of many files",
    });
  return { bytes, descriptor: { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length } };
}

/**
 * Parses a manifest. Throws {@link ManifestError} if the manifest is invalid, or has an unsupported type such as an
 * image index.
 */
export function parseManifest(bytes: Buffer): Manifest {
  const fields = parseObject(bytes);
  const mediaType = fields.mediaType ?? OCI_MANIFEST;
  if (mediaType !== OCI_MANIFEST && mediaType !== DOCKER_MANIFEST)
    throw new ManifestError(`expected an image manifest, found ${JSON.stringify(mediaType)}`);
  if (!Array.isArray(fields.layers)) throw new ManifestError("it has no layers");
  return {
    artifactType: typeof fields.artifactType === "string" ? fields.artifactType : undefined,
    layers: fields.layers.map(parseDescriptor),
    annotations: parseAnnotations(fields.annotations) ?? {},
  };
}

/** Parses a JSON object. Throws {@link ManifestError} if the bytes are not a JSON object. */
export function parseObject(bytes: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    throw new ManifestError("it is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ManifestError("it is not a JSON object");
  return value as Record<string, unknown>;
}

function parseDescriptor(value: unknown): Descriptor {
  const fields = (value ?? {}) as Record<string, unknown>;
  const { mediaType, digest, size } = fields;
  if (typeof mediaType !== "string") throw new ManifestError("a layer has no media type");
  if (!isDigest(digest))
    throw new ManifestError(`expected a sha256 digest for a layer, found ${JSON.stringify(digest)}`);
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw new ManifestError("a layer has an invalid size");
  const annotations = parseAnnotations(fields.annotations);
  return { mediaType, digest, size: size as number, ...(annotations === undefined ? {} : { annotations }) };
}

function parseAnnotations(value: unknown): Annotations | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
