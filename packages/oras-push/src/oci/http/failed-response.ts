import { MAX_ERROR_BYTES, parseErrorBody, RegistryError } from "../registry-error.ts";
import { shownUrl } from "./location.ts";
import type { RegistryRequest, RegistryResponse } from "./message.ts";
import { parseRetryAfter } from "./retry.ts";

/** How to explain an unexpected response. */
export interface Explanation {
  /** Sends a request to a URL, without a retry. */
  readonly sendAgain: (request: RegistryRequest, url: URL) => Promise<RegistryResponse>;
  /** Removes secrets from a text that the registry sent. */
  readonly conceal: (text: string) => string;
  /**
   * Describes the refused credentials for an error message. For example: `bob was refused`. Undefined if the registry
   * did not request credentials.
   */
  readonly refused: string | undefined;
}

/**
 * Creates the error for an unexpected response. The error contains the registry's message. The response to a HEAD
 * contains no message. Therefore, this function sends a GET after most failures of a HEAD.
 */
export async function errorOf(
  request: RegistryRequest,
  response: RegistryResponse,
  { sendAgain, conceal, refused }: Explanation,
): Promise<RegistryError> {
  const body = isUnexplained(request, response.status)
    ? await bodyOfGet(request, response, sendAgain)
    : await bodyOf(response);
  return new RegistryError(
    `${request.method} ${shownUrl(response.url)}`,
    response.status,
    parseErrorBody(body, conceal),
    parseRetryAfter(response.header("retry-after")),
    { refused, expected: request.expect },
  );
}

/**
 * If a HEAD fails with one of these statuses, no GET is sent. Either the status alone explains the failure, or the GET
 * would count against the user's rate limit.
 */
const CLEAR_STATUSES: ReadonlySet<number> = new Set([401, 404, 408, 429]);

function isUnexplained({ method }: RegistryRequest, status: number): boolean {
  return method === "HEAD" && status >= 400 && status < 500 && !CLEAR_STATUSES.has(status);
}

async function bodyOfGet(
  request: RegistryRequest,
  head: RegistryResponse,
  sendAgain: Explanation["sendAgain"],
): Promise<Buffer> {
  try {
    await head.discard();
    const response = await sendAgain({ ...request, method: "GET" }, head.url);
    if (response.status >= 400) return await bodyOf(response);
    await response.discard();
  } catch {
    // If the GET fails, the error contains the status of the HEAD, but no message.
  }
  return Buffer.alloc(0);
}

function bodyOf(response: RegistryResponse): Promise<Buffer> {
  return response.bytes(MAX_ERROR_BYTES).catch(() => Buffer.alloc(0));
}
