import type { Digest } from "./digest.ts";
import { EMPTY_JSON } from "./media-types.ts";
import { digestOf } from "./meter.ts";

/** A set of annotations (image-spec, annotations.md). */
export type Annotations = Readonly<Record<string, string>>;

/** What content is, how large, and which (image-spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  readonly annotations?: Annotations;
  /** The content itself, base64, where it is small. */
  readonly data?: string;
}

/** The content that stands for "none": an empty JSON object. */
export const EMPTY_CONTENT: Buffer = Buffer.from("{}");

/** The descriptor of {@link EMPTY_CONTENT} (image-spec, manifest.md, "Guidance for an Empty Descriptor"). */
export const EMPTY_DESCRIPTOR: Descriptor = {
  mediaType: EMPTY_JSON,
  digest: digestOf(EMPTY_CONTENT),
  size: EMPTY_CONTENT.length,
  data: EMPTY_CONTENT.toString("base64"),
};

/** A descriptor with its fields in the specification's order and its annotations sorted: what JSON is made from. */
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

/** Annotations sorted by their keys. */
export function sortedAnnotations(annotations: Annotations): Annotations {
  return Object.fromEntries(Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)));
}
