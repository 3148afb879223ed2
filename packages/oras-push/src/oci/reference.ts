import { type Digest, isDigest } from "./digest.ts";

/** Where an artifact is: `registry/repository`, and a tag or a digest (distribution-spec, "Pulling manifests"). */
export interface Reference {
  /** Host and port, such as `localhost:5000`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** Where an artifact is on disk: an OCI image layout (image-spec, image-layout.md), and a tag or a digest. */
export interface LayoutReference {
  /** The layout's folder. */
  readonly layout: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** Where an artifact is: in a registry or in an OCI layout. */
export type AnyReference = Reference | LayoutReference;

/** The longest tag, in characters (distribution-spec, "Pulling manifests"). */
export const MAX_TAG_LENGTH = 128;

const HOST = /^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?)(:\d{1,5})?$/;
const REPOSITORY = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** What is wrong with a reference. */
export class ReferenceSyntaxError extends Error {
  override readonly name = "ReferenceSyntaxError";
}

/**
 * A reference from its text: `HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`. Where both are given, the digest counts. Throws
 * {@link ReferenceSyntaxError}, saying which part is wrong.
 */
export function parseReference(text: string): Reference {
  if (/^https?:/.test(text)) throw new ReferenceSyntaxError("it starts with the registry's host, without http://");
  const slash = text.indexOf("/");
  if (slash <= 0)
    throw new ReferenceSyntaxError("a registry and a repository are due, as in localhost:5000/metric/run:1");
  const registry = text.slice(0, slash);
  if (registry.includes("@")) throw new ReferenceSyntaxError("it holds a user or a password, which have their options");
  if (!HOST.test(registry) || !URL.canParse(`http://${registry}`))
    throw new ReferenceSyntaxError(`${JSON.stringify(registry)} is not a registry's host and port`);
  const [path = "", digest, ...more] = text.slice(slash + 1).split("@");
  if (more.length > 0 || (digest !== undefined && !isDigest(digest)))
    throw new ReferenceSyntaxError("what follows @ is not a sha256 digest");
  const colon = path.lastIndexOf(":");
  const repository = colon < 0 ? path : path.slice(0, colon);
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  if (!REPOSITORY.test(repository))
    throw new ReferenceSyntaxError(
      `${JSON.stringify(repository)} is not a repository: lower case letters, digits, and . _ - /`,
    );
  if (tag !== undefined && !isTag(tag)) throw new ReferenceSyntaxError(`${JSON.stringify(tag)} is not a tag`);
  return { registry, repository, tag, digest };
}

/**
 * A reference into an OCI layout from its text, as `oras --oci-layout` takes it: `DIR`, `DIR:TAG` or `DIR@DIGEST`. Throws
 * {@link ReferenceSyntaxError}, saying which part is wrong.
 */
export function parseLayoutReference(text: string): LayoutReference {
  const at = text.lastIndexOf("@sha256:");
  const colon = at < 0 ? text.lastIndexOf(":") : -1;
  // A folder's name may hold a colon; a tag holds no slash.
  const tagged = colon >= 0 && !text.slice(colon).includes("/");
  const layout = at >= 0 ? text.slice(0, at) : tagged ? text.slice(0, colon) : text;
  const tag = tagged ? text.slice(colon + 1) : undefined;
  const digest = at >= 0 ? text.slice(at + 1) : undefined;
  if (layout === "") throw new ReferenceSyntaxError("a folder and a tag are due, as in results:1");
  if (tag !== undefined && !isTag(tag)) throw new ReferenceSyntaxError(`${JSON.stringify(tag)} is not a tag`);
  if (digest !== undefined && !isDigest(digest))
    throw new ReferenceSyntaxError("what follows @ is not a sha256 digest");
  return { layout, tag, digest };
}

/** Whether text is a tag (distribution-spec, "Pulling manifests"); one is always safe as a file's name. */
export function isTag(text: unknown): text is string {
  return typeof text === "string" && TAG.test(text);
}

/** A reference as text; `parseReference` or `parseLayoutReference` reads it back. */
export function formatReference(reference: AnyReference): string {
  const { tag, digest } = reference;
  const place = "layout" in reference ? reference.layout : `${reference.registry}/${reference.repository}`;
  return `${place}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/**
 * Whether a registry is spoken to in plain HTTP where the user does not say: one on this machine or behind a service of
 * this cluster, where nothing else is usual.
 */
export function isLocalRegistry(registry: string): boolean {
  const host = registry.replace(/:\d+$/, "").toLowerCase();
  if (host === "localhost" || host.endsWith(".localhost") || host === "[::1]") return true;
  return /^127(\.\d{1,3}){3}$/.test(host) || host.endsWith(".svc") || host.endsWith(".svc.cluster.local");
}
