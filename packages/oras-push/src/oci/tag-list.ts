import { ToolError } from "shared/cli/tool-error";
import { placeNamed } from "./errors.ts";

/** A part of a list of tags. */
export interface TagPage {
  readonly tags: readonly string[];
  /** Where the next part is; undefined after the last one. */
  readonly next: URL | undefined;
}

/**
 * The tags of one page of a list (distribution-spec, "Listing Tags"), as the registry wrote them; a repository without any
 * may say null. Throws `registry` for a body that is no such page.
 */
export function parseTagPage(body: Buffer): string[] {
  let tags: unknown;
  try {
    tags = (JSON.parse(body.toString()) as { tags?: unknown } | null)?.tags ?? [];
  } catch {
    tags = undefined;
  }
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string"))
    throw new ToolError("registry", "the registry did not answer with a list of tags");
  return tags;
}

/** Where the next page is, from a `Link` header (RFC 8288, section 3); undefined after the last one. */
export function nextPage(header: string | undefined, url: URL): URL | undefined {
  for (const [, target = "", parameters = ""] of (header ?? "").matchAll(/<([^>]*)>([^<]*)/g))
    if (/;\s*rel\s*=\s*(?:next\b|"(?:[^"]*\s)?next(?:\s[^"]*)?")/i.test(parameters)) return placeNamed(target, url);
  return undefined;
}
