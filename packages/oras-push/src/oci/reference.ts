import { type Digest, isDigest } from "./digest.ts";

/** A reference to an artifact in a registry, by tag or digest (distribution-spec, "Pulling manifests"). */
export interface Reference {
  /** Host and port, such as `localhost:5000`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** A reference to an artifact in an OCI image layout on disk, by tag or digest (image-spec, image-layout.md). */
export interface LayoutReference {
  /** The folder of the layout. */
  readonly layout: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** A reference to an artifact in a registry or in an OCI layout. */
export type AnyReference = Reference | LayoutReference;

/** The maximum length of a tag, in characters (distribution-spec, "Pulling manifests"). */
export const MAX_TAG_LENGTH = 128;

const REGISTRY_FORM = "REGISTRY/REPOSITORY[:TAG][@DIGEST]";

const HOST = /^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?)(:\d{1,5})?$/;
const REPOSITORY = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** The error for an invalid reference. The message describes the invalid part. */
export class ReferenceSyntaxError extends Error {
  override readonly name = "ReferenceSyntaxError";
}

/**
 * Parses a reference of the form `HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`. If a reference has both a tag and a digest, a
 * pull uses the digest. Throws {@link ReferenceSyntaxError} if the text is invalid.
 */
export function parseReference(text: string): Reference {
  if (/^https?:/.test(text)) throw new ReferenceSyntaxError(`expected ${REGISTRY_FORM}, without http:// or https://`);
  const slash = text.indexOf("/");
  if (slash <= 0) throw new ReferenceSyntaxError(`expected ${REGISTRY_FORM}, as in localhost:5000/metric/run:1`);
  const registry = text.slice(0, slash);
  checkRegistry(registry, text);
  const [path = "", digest, ...more] = text.slice(slash + 1).split("@");
  if (more.length > 0) throw new ReferenceSyntaxError("expected at most one @");
  const colon = path.lastIndexOf(":");
  const repository = colon < 0 ? path : path.slice(0, colon);
  if (!REPOSITORY.test(repository))
    throw new ReferenceSyntaxError(
      `${JSON.stringify(repository)} is not a valid repository: use lower-case letters, digits, and . _ - /`,
    );
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  return { registry, repository, tag: parseTag(tag), digest: parseDigest(digest) };
}

/**
 * Parses a reference to an OCI layout, in the syntax of `oras --oci-layout`: `DIR`, `DIR:TAG` or `DIR@DIGEST`. Throws
 * {@link ReferenceSyntaxError} if the text is invalid.
 */
export function parseLayoutReference(text: string): LayoutReference {
  const at = text.lastIndexOf("@sha256:");
  const colon = at < 0 ? text.lastIndexOf(":") : -1;
  // If the text contains a slash after the colon, the colon is part of the folder's path, and does not start a tag.
  const tagged = colon >= 0 && !text.slice(colon).includes("/");
  const layout = at >= 0 ? text.slice(0, at) : tagged ? text.slice(0, colon) : text;
  if (layout === "") throw new ReferenceSyntaxError("expected DIR[:TAG] or DIR@DIGEST, as in results:1");
  const tag = tagged ? text.slice(colon + 1) : undefined;
  const digest = at >= 0 ? text.slice(at + 1) : undefined;
  return { layout, tag: parseTag(tag), digest: parseDigest(digest) };
}

function checkRegistry(registry: string, text: string): void {
  if (registry.includes("@"))
    throw new ReferenceSyntaxError("it contains a user or a password: use --username and --password-stdin");
  if (!HOST.test(registry) || !URL.canParse(`http://${registry}`))
    throw new ReferenceSyntaxError(`expected HOST[:PORT] for the registry, found ${JSON.stringify(registry)}`);
  // As in docker, the first part of a reference is a registry only if this part contains a dot or a port, or is
  // `localhost`.
  if (!/[.:]/.test(registry) && registry.toLowerCase() !== "localhost")
    throw new ReferenceSyntaxError(
      `${JSON.stringify(registry)} is not a registry: expected REGISTRY/REPOSITORY, as in localhost:5000/${text}`,
    );
}

function parseTag(text: string | undefined): string | undefined {
  if (text !== undefined && !isTag(text)) throw new ReferenceSyntaxError(`${JSON.stringify(text)} is not a valid tag`);
  return text;
}

function parseDigest(text: string | undefined): Digest | undefined {
  if (text !== undefined && !isDigest(text)) throw new ReferenceSyntaxError("expected a sha256 digest after @");
  return text;
}

/**
 * Whether a text is a valid tag (distribution-spec, "Pulling manifests"). You can safely use a valid tag as a file
 * name.
 */
export function isTag(text: unknown): text is string {
  return typeof text === "string" && TAG.test(text);
}

/** Formats a reference as text. {@link parseReference} or {@link parseLayoutReference} can parse this text. */
export function formatReference(reference: AnyReference): string {
  const { tag, digest } = reference;
  const place = "layout" in reference ? reference.layout : `${reference.registry}/${reference.repository}`;
  return `${place}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/**
 * Whether a registry is on this machine or behind a Kubernetes service of this cluster. Such a registry usually does
 * not use TLS. Therefore, requests to such a registry use plain HTTP by default.
 */
export function isLocalRegistry(registry: string): boolean {
  const host = registry.replace(/:\d+$/, "").toLowerCase();
  if (host === "localhost" || host.endsWith(".localhost") || host === "[::1]") return true;
  return /^127(\.\d{1,3}){3}$/.test(host) || host.endsWith(".svc") || host.endsWith(".svc.cluster.local");
}
