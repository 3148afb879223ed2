import { ToolError } from "shared/cli/tool-error";

/** A URL without its secrets, for messages: no user, password or query. Upload states and signatures are secrets. */
export function shownUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/**
 * Resolves a `Location` header or a link against the URL of the response. Throws `registry`, without the target, if it
 * is not an HTTP URL.
 */
export function resolveLocation(target: string, base: URL): URL {
  const url = URL.canParse(target, base.href) ? new URL(target, base) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new ToolError("registry", `the registry ${base.host} returned an invalid Location header`, {
      why: "expected an HTTP URL",
    });
  return url;
}
