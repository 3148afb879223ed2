import { ToolError } from "shared/cli/tool-error";
import { resolveLocation } from "./location.ts";
import type { RegistryResponse } from "./message.ts";
import { isRedirect, MAX_REDIRECTS } from "./redirect.ts";

/** The credentials for a token server. */
export interface TokenCredentials {
  /** The `Authorization` header. */
  readonly authorization?: string | undefined;
  /** The fields of a POST request that exchanges a refresh token for an access token. */
  readonly form?: URLSearchParams | undefined;
}

/** Sends one request to a token server. */
export type SendTokenRequest = (url: URL, credentials: TokenCredentials) => Promise<RegistryResponse>;

/**
 * Requests a token and follows redirects. Sends the credentials only to the origin of `realm`. Throws `notAuthorized`
 * for a redirect from HTTPS to plain HTTP. If the request contains a refresh token, this function throws `registry` for
 * a redirect to an origin other than the origin of `realm`, and for a redirect with a status other than 307 or 308.
 */
export async function requestToken(
  realm: URL,
  credentials: TokenCredentials,
  send: SendTokenRequest,
): Promise<RegistryResponse> {
  let url = realm;
  for (let redirects = 0; ; redirects++) {
    const response = await send(url, url.origin === realm.origin ? credentials : {});
    const location = response.header("location");
    if (!isRedirect(response.status) || location === undefined) return response;
    await response.discard();
    if (redirects === MAX_REDIRECTS)
      throw new ToolError("registry", `the token server ${realm.origin} redirects more than ${MAX_REDIRECTS} times`);
    const next = resolveLocation(location, url);
    if (next.protocol !== "https:" && url.protocol === "https:")
      throw new ToolError("notAuthorized", `the token server ${url.origin} redirects to a server without HTTPS`, {
        why: `expected HTTPS, found ${next.origin}`,
      });
    const keepsForm = next.origin === realm.origin && (response.status === 307 || response.status === 308);
    if (credentials.form !== undefined && !keepsForm)
      throw new ToolError("registry", `cannot follow a redirect of the token server ${url.origin}`, {
        why: `the refresh token cannot be sent to ${next.origin} after a redirect with status ${response.status}`,
      });
    url = next;
  }
}
