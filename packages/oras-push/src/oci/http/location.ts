import { ToolError } from "shared/cli/tool-error";

/**
 * Formats a URL for messages. The result contains no user, password or query. A query may contain secrets, such as a
 * signature or the state of an upload.
 */
export function shownUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/**
 * Resolves a `Location` header or a link against the URL of the response. Throws `registry` if the result is not an
 * HTTP URL. The error does not contain `target`, because `target` may contain secrets.
 */
export function resolveLocation(target: string, base: URL): URL {
  const url = URL.canParse(target, base.href) ? new URL(target, base) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new ToolError("registry", `the registry ${base.host} returned an invalid Location header`, {
      why: "expected an HTTP URL",
    });
  return url;
}
