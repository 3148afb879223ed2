import type { Digest } from "./digest.ts";
import { EMPTY_JSON } from "./media-types.ts";
import { digestOf } from "./meter.ts";

/** A set of annotations (image-spec, annotations.md). */
export type Annotations = Readonly<Record<string, string>>;

/** The media type, digest and size of a blob or a manifest (image-spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** The size in bytes. */
  readonly size: number;
  readonly annotations?: Annotations;
  /** The content in base64. Only the descriptor of a small blob has this field. */
  readonly data?: string;
}

/** The content of a blob with the media type {@link EMPTY_JSON}: an empty JSON object. */
export const EMPTY_CONTENT: Buffer = Buffer.from("{}");

/** The descriptor of {@link EMPTY_CONTENT} (image-spec, manifest.md, "Guidance for an Empty Descriptor"). */
export const EMPTY_DESCRIPTOR: Descriptor = {
  mediaType: EMPTY_JSON,
  digest: digestOf(EMPTY_CONTENT),
  size: EMPTY_CONTENT.length,
  data: EMPTY_CONTENT.toString("base64"),
};

/**
 * Puts the fields of a descriptor in the order of the specification, and sorts the annotations. Therefore, equal
 * descriptors result in equal JSON.
 */
export function orderedDescriptor(descriptor: Descriptor): Descriptor {
  const { mediaType, digest, size, annotations, data } = descriptor;
  return {
    mediaType,
    digest,
    size,
    ...(annotations === undefined ? {} : { annotations: sortedAnnotations(annotations) }),
    ...(data === undefined ? {} : { data }),
  };
}

/** Sorts annotations by their keys. */
export function sortedAnnotations(annotations: Annotations): Annotations {
  return Object.fromEntries(Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)));
}
