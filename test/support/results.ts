/** Registries that hold many results of all kinds. */
import { ANNOTATIONS } from "oras-push/oci/annotations";
import { type Annotations, type Descriptor, EMPTY_CONTENT, EMPTY_DESCRIPTOR } from "oras-push/oci/descriptor";
import type { Digest } from "oras-push/oci/digest";
import { buildManifest } from "oras-push/oci/manifest";
import { OCI_INDEX, OCI_MANIFEST } from "oras-push/oci/media-types";
import { digestOf } from "oras-push/oci/meter";
import type { MemoryRegistry } from "../../support/registry/memory-registry.ts";

/** The kinds of artifacts that {@link fillRegistry} stores. */
export const KINDS = [
  "succeeded",
  "failed",
  "incomplete",
  "checkpoint",
  "foreign",
  "image",
  "index",
  "broken",
] as const;

/** A kind of an artifact. */
export type Kind = (typeof KINDS)[number];

/**
 * The start of the first run: the beginning of 2026. In {@link fillRegistry}, the run with the tag `run-N` starts N
 * minutes later.
 */
export const FIRST_START: number = Date.UTC(2026, 0, 1);

/** An artifact that {@link fillRegistry} stored. */
export interface StoredResult {
  readonly repository: string;
  readonly tag: string;
  readonly kind: Kind;
  readonly digest: Digest;
}

/**
 * Creates `repositories` repositories in a registry, and puts `tags` artifacts into each repository. The kinds of the
 * artifacts alternate.
 */
export function fillRegistry(registry: MemoryRegistry, repositories: number, tags: number): StoredResult[] {
  registry.blobs.set(EMPTY_DESCRIPTOR.digest, EMPTY_CONTENT);
  return Array.from({ length: repositories * tags }, (_, index) => {
    const repository = `group-${Math.floor(index / tags) % 5}/repository-${Math.floor(index / tags)}`;
    const kind = KINDS[index % KINDS.length] as Kind;
    const digest = storeResult(registry, repository, `run-${index}`, manifestOf(kind, index));
    return { repository, tag: `run-${index}`, kind, digest };
  });
}

/** Puts the bytes of a manifest into a registry. If `tag` is given, the manifest gets this tag. Returns the digest. */
export function storeResult(
  registry: MemoryRegistry,
  repository: string,
  tag: string | undefined,
  { bytes, mediaType }: { readonly bytes: Buffer; readonly mediaType: string },
): Digest {
  const digest = digestOf(bytes);
  registry.manifests.set(`${repository}@${digest}`, { bytes, mediaType });
  if (tag !== undefined) registry.manifests.set(`${repository}:${tag}`, { bytes, mediaType });
  return digest;
}

/**
 * Returns the annotations of a run. The run started `minutes` minutes after {@link FIRST_START} and took one minute.
 */
export function runAnnotations(minutes: number, exitCode = 0): Annotations {
  const at = (time: number) => new Date(FIRST_START + time * 60_000).toISOString();
  return {
    [ANNOTATIONS.exitCode]: String(exitCode),
    [ANNOTATIONS.attempt]: `attempt-${minutes}`,
    [ANNOTATIONS.startedAt]: at(minutes),
    [ANNOTATIONS.finishedAt]: at(minutes + 1),
    [ANNOTATIONS.created]: at(minutes + 1),
    [ANNOTATIONS.pod]: `pod-${minutes}`,
    [ANNOTATIONS.namespace]: "default",
    [ANNOTATIONS.node]: `node-${minutes % 3}`,
  };
}

function manifestOf(kind: Kind, index: number): { readonly bytes: Buffer; readonly mediaType: string } {
  const layers: Descriptor[] = [{ mediaType: "text/plain", digest: digestOf(Buffer.from(`${index}`)), size: index }];
  const artifact = (annotations: Annotations) => ({
    bytes: buildManifest({ layers, annotations }).bytes,
    mediaType: OCI_MANIFEST,
  });
  const json = (value: unknown, mediaType: string) => ({ bytes: Buffer.from(JSON.stringify(value)), mediaType });
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(EMPTY_CONTENT), size: 2 };
  switch (kind) {
    case "succeeded":
      return artifact(runAnnotations(index));
    case "failed":
      return artifact({ ...runAnnotations(index, 3), [ANNOTATIONS.reason]: "timed out after 5 s" });
    case "incomplete":
      return artifact({ ...runAnnotations(index, 0), [ANNOTATIONS.incomplete]: "true" });
    case "checkpoint":
      return artifact({ ...runAnnotations(index), [ANNOTATIONS.checkpoint]: "4" });
    case "foreign":
      return artifact({ "org.opencontainers.image.created": "2026-01-01T00:00:00Z", index: String(index) });
    case "image":
      return json({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }, OCI_MANIFEST);
    case "index":
      return json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: layers }, OCI_INDEX);
    case "broken":
      return { bytes: Buffer.from(`{"broken":${index}`), mediaType: OCI_MANIFEST };
  }
}
