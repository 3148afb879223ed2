import type { Descriptor } from "../descriptor.ts";
import { type Digest, isDigest } from "../digest.ts";
import { OCI_INDEX, REF_NAME } from "../media-types.ts";

/** An entry of a layout's index. The functions in this file keep fields and annotations that other tools have added. */
export interface IndexEntry extends Omit<Descriptor, "annotations"> {
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/**
 * The index of a layout (image-spec, image-index.md). The functions in this file keep fields that other tools have
 * added.
 */
export interface LayoutIndex {
  readonly manifests: readonly IndexEntry[];
}

/** The error for an `index.json` that is not an OCI image index. */
export class LayoutIndexError extends Error {
  override readonly name = "LayoutIndexError";
}

/** The index of an empty layout. */
export const EMPTY_INDEX: LayoutIndex & Readonly<Record<string, unknown>> = {
  schemaVersion: 2,
  mediaType: OCI_INDEX,
  manifests: [],
};

/** Parses an `index.json`. Throws {@link LayoutIndexError} if the text is not an OCI image index. */
export function parseIndex(text: string): LayoutIndex {
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch {
    throw new LayoutIndexError("it is not JSON");
  }
  const manifests = (index as { manifests?: unknown } | null)?.manifests;
  if (!Array.isArray(manifests) || !manifests.every(isEntry))
    throw new LayoutIndexError("it is not an OCI image index");
  return index as LayoutIndex;
}

function isEntry(value: unknown): value is IndexEntry {
  const { mediaType, digest, size } = (value ?? {}) as Record<string, unknown>;
  return typeof mediaType === "string" && isDigest(digest) && typeof size === "number";
}

/** Finds the entry of a tag or a digest. Returns undefined if no entry has this tag or digest. */
export function findEntry({ manifests }: LayoutIndex, reference: string): IndexEntry | undefined {
  return manifests.find((entry) => (isDigest(reference) ? entry.digest : tagOf(entry)) === reference);
}

/** Lists the tags in the order of the index (image-spec, annotations.md, `org.opencontainers.image.ref.name`). */
export function tagsOf({ manifests }: LayoutIndex): string[] {
  return manifests.map(tagOf).filter((tag) => tag !== undefined);
}

/**
 * Adds a manifest to an index. If `tag` is given, the manifest gets this tag. If an earlier manifest has this tag, the
 * earlier manifest loses the tag, but stays in the index. Clients can still pull the earlier manifest by its digest.
 */
export function withManifest(index: LayoutIndex, { mediaType, digest, size }: Descriptor, tag?: string): LayoutIndex {
  if (tag !== undefined && index.manifests.some((entry) => tagOf(entry) === tag && entry.digest === digest))
    return index;
  const others = index.manifests.map((entry) => (tag !== undefined && tagOf(entry) === tag ? untagged(entry) : entry));
  const annotations = tag === undefined ? {} : { annotations: { [REF_NAME]: tag } };
  const known = tag === undefined && others.some((entry) => entry.digest === digest);
  const entries = known ? others : [...others, { mediaType, digest, size, ...annotations }];
  return { ...index, manifests: entries.filter((entry, at) => !isRedundant(entry, at, entries)) };
}

/**
 * Removes entries with this digest: each entry without a tag, and each entry whose tag is in `tags`. Keeps all other
 * entries. Returns `index` itself if no entry is removed.
 */
export function withoutManifest(index: LayoutIndex, digest: Digest, tags: readonly string[]): LayoutIndex {
  const stays = (entry: IndexEntry) => {
    const tag = tagOf(entry);
    return entry.digest !== digest || (tag !== undefined && !tags.includes(tag));
  };
  const manifests = index.manifests.filter(stays);
  return manifests.length === index.manifests.length ? index : { ...index, manifests };
}

/**
 * Whether an entry is redundant: it has no annotations and no fields of other tools, and another entry with the same
 * manifest stays in the index.
 */
function isRedundant(entry: IndexEntry, at: number, entries: readonly IndexEntry[]): boolean {
  if (!isBare(entry)) return false;
  return entries.some((other, index) => other.digest === entry.digest && (index < at || !isBare(other)));
}

function isBare({ mediaType, digest, size, annotations = {}, ...others }: IndexEntry): boolean {
  return Object.keys(annotations).length === 0 && Object.keys(others).length === 0;
}

function tagOf({ annotations }: IndexEntry): string | undefined {
  const tag = annotations?.[REF_NAME];
  return typeof tag === "string" ? tag : undefined;
}

function untagged({ annotations, ...entry }: IndexEntry): IndexEntry {
  const { [REF_NAME]: _, ...others } = annotations ?? {};
  return Object.keys(others).length === 0 ? entry : { ...entry, annotations: others };
}
