import { ToolError } from "shared/cli/tool-error";
import { resolveLocation } from "./http/location.ts";

/** One page of a list of tags. */
export interface TagPage {
  readonly tags: readonly string[];
  /** The URL of the next page. Undefined on the last page. */
  readonly next: URL | undefined;
}

/**
 * Parses the tags of one page (distribution-spec, "Listing Tags"). If a repository has no tags, the list may be null.
 * Throws `registry` if the body is not a list of tags.
 */
export function parseTagPage(body: Buffer): string[] {
  let tags: unknown;
  try {
    tags = (JSON.parse(body.toString()) as { tags?: unknown } | null)?.tags ?? [];
  } catch {
    tags = undefined;
  }
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string"))
    throw new ToolError("registry", "the registry did not return a list of tags");
  return tags;
}

/** Finds the URL of the next page in a `Link` header (RFC 8288, section 3). Returns undefined on the last page. */
export function nextPage(header: string | undefined, url: URL): URL | undefined {
  for (const [, target = "", parameters = ""] of (header ?? "").matchAll(/<([^>]*)>([^<]*)/g))
    if (/;\s*rel\s*=\s*(?:next\b|"(?:[^"]*\s)?next(?:\s[^"]*)?")/i.test(parameters))
      return resolveLocation(target, url);
  return undefined;
}
