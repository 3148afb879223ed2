import { type RunState, runState } from "../artifact/run-annotations.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { ManifestError, parseManifest, parseObject, type StoredManifest } from "../oci/manifest.ts";
import { type ListedManifest, manifestLinks } from "../oci/manifest-links.ts";
import { DOCKER_INDEX, OCI_INDEX } from "../oci/media-types.ts";

/** The facts about a run, from the manifest of the artifact that the run made. An unknown value is undefined. */
export interface Run {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly state: RunState;
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly reason: string | undefined;
  readonly attempt: string | undefined;
  /** The times are in milliseconds since 1970. */
  readonly started: number | undefined;
  readonly finished: number | undefined;
  readonly created: number | undefined;
  /** The sum of the sizes of all layers, in bytes. Undefined for an image index. */
  readonly size: number | undefined;
  readonly pod: string | undefined;
  readonly namespace: string | undefined;
  readonly node: string | undefined;
}

/** An artifact that a run used as an input. */
export interface RunInput {
  /** The reference that the run pulled. */
  readonly reference: string;
  readonly digest: Digest;
}

/** The other manifests that a manifest names. */
export interface RunLinks {
  readonly inputs: readonly RunInput[];
  /** The manifests that an image index lists. */
  readonly listed: readonly ListedManifest[];
  /**
   * The subject: the manifest that this manifest refers to. For example, the subject of a signature is the signed
   * manifest.
   */
  readonly subject: Digest | undefined;
  /** If this manifest is the image of an artifact, the digest of that artifact. Otherwise, undefined. */
  readonly imageOf: Digest | undefined;
}

/** The maximum length of a text from an annotation, in characters. A longer text is truncated. */
export const MAX_TEXT = 1000;

/** The media types of image indexes. */
export const INDEXES: ReadonlySet<unknown> = new Set([OCI_INDEX, DOCKER_INDEX]);

/**
 * Reads the facts about a run from the manifest of an artifact or an image index. Ignores invalid annotations. Throws
 * {@link ManifestError} if the manifest is invalid. This function is pure.
 */
export function readRun({ bytes, descriptor }: StoredManifest): Run {
  const { artifactType, annotations, size } = readFields({ bytes, descriptor });
  return {
    digest: descriptor.digest,
    mediaType: descriptor.mediaType,
    artifactType: shortText(artifactType),
    state: runState(annotations),
    exitCode: exitCode(annotations[ANNOTATIONS.exitCode]),
    signal: shortText(annotations[ANNOTATIONS.signal]),
    reason: shortText(annotations[ANNOTATIONS.reason]),
    attempt: shortText(annotations[ANNOTATIONS.attempt]),
    started: time(annotations[ANNOTATIONS.startedAt]),
    finished: time(annotations[ANNOTATIONS.finishedAt]),
    created: time(annotations[ANNOTATIONS.created]),
    size,
    pod: shortText(annotations[ANNOTATIONS.pod]),
    namespace: shortText(annotations[ANNOTATIONS.namespace]),
    node: shortText(annotations[ANNOTATIONS.node]),
  };
}

/**
 * Reads the references from a manifest to other manifests. Throws {@link ManifestError} if the manifest is not a JSON
 * object. This function is pure.
 */
export function readLinks({ bytes }: StoredManifest): RunLinks {
  const { manifests, subject } = manifestLinks(bytes);
  const { annotations } = parseObject(bytes) as { annotations?: Readonly<Record<string, unknown>> | null };
  const imageOf = annotations?.[ANNOTATIONS.imageOf];
  return {
    inputs: readInputs(annotations),
    listed: manifests,
    subject,
    imageOf: isDigest(imageOf) ? imageOf : undefined,
  };
}

/**
 * Returns the time when a run started, in milliseconds since 1970. If this time is unknown, the result is the time when
 * the artifact was created.
 */
export function startOf({ started, created }: Run): number | undefined {
  return started ?? created;
}

/**
 * Returns the time when an artifact was made, in milliseconds since 1970. This is the end of the run. If the end is
 * unknown, it is the creation date, which is less reliable because `SOURCE_DATE_EPOCH` can set it. If the creation date
 * is unknown too, it is the start of the run.
 */
export function endOf({ finished, created, started }: Run): number | undefined {
  return finished ?? created ?? started;
}

/** The duration of a run, in milliseconds. Undefined if the duration is unknown or negative. */
export function durationOf({ started, finished }: Run): number | undefined {
  if (started === undefined || finished === undefined || finished < started) return undefined;
  return finished - started;
}

/** Whether a manifest is an image index. Throws {@link ManifestError} if the manifest is not a JSON object. */
function isIndex({ bytes, descriptor }: StoredManifest): boolean {
  const { mediaType = descriptor.mediaType, manifests } = parseObject(bytes);
  return INDEXES.has(mediaType) && Array.isArray(manifests);
}

interface Fields {
  readonly artifactType: string | undefined;
  readonly annotations: Annotations;
  readonly size: number | undefined;
}

function readFields(manifest: StoredManifest): Fields {
  try {
    const { artifactType, annotations, layers } = parseManifest(manifest.bytes);
    return { artifactType, annotations, size: layers.reduce((sum, { size }) => sum + size, 0) };
  } catch (error) {
    if (!(error instanceof ManifestError) || !isIndex(manifest)) throw error;
    return { artifactType: undefined, annotations: {}, size: undefined };
  }
}

function readInputs(annotations: Readonly<Record<string, unknown>> | null | undefined): RunInput[] {
  const text = annotations?.[ANNOTATIONS.inputs];
  if (typeof text !== "string") return [];
  let inputs: unknown;
  try {
    inputs = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(inputs)) return [];
  return inputs.flatMap((input: unknown) => {
    const { reference, digest } = (input ?? {}) as Record<string, unknown>;
    return typeof reference === "string" && isDigest(digest) ? [{ reference, digest }] : [];
  });
}

function exitCode(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}

/** Parses an RFC 3339 date. Returns undefined if the date is missing or invalid. */
function time(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/.test(text))
    return undefined;
  const value = Date.parse(text.toUpperCase());
  return Number.isNaN(value) ? undefined : value;
}

/** Truncates a long text. The result is a copy, so that the long text does not stay in memory. */
function shortText(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= MAX_TEXT) return text;
  return `${Buffer.from(text.slice(0, MAX_TEXT), "utf16le").toString("utf16le")}…`;
}
