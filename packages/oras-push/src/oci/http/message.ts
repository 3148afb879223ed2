import { ToolError } from "shared/cli/tool-error";
import type { Dispatcher } from "undici";
import { watchedResponse } from "./stall.ts";

/**
 * The maximum number of bytes to read from an unused body. If a body is longer, the connection of this body cannot be
 * used again.
 */
const LONGEST_DISCARDED = 128 << 10;

/** A request to a registry. */
export interface RegistryRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A path on the registry such as `/v2/`, or a URL that the registry returned. */
  readonly target: string | URL;
  /**
   * The rights that the request needs, in the syntax of token servers. For example: `repository:metric/run:pull,push`.
   */
  readonly scope: string;
  /** The expected statuses. Any other status causes a `RegistryError`. */
  readonly expect: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. A stream is opened again for each attempt. */
  readonly body?: Buffer | (() => AsyncIterable<Buffer>) | undefined;
  /** The length of a streamed body in bytes. If the length is undefined, the body is sent with chunked encoding. */
  readonly length?: number;
  /**
   * The size of a blob in bytes. Set this field only if this request completes the upload of the blob. The time limit
   * for the response grows with this size, because the registry may move the blob before it responds.
   */
  readonly completes?: number;
  /**
   * The time limit for the response, in milliseconds. If the transport has a shorter time limit, the shorter limit
   * applies.
   */
  readonly patience?: number;
  /**
   * Whether the transport retries this request. True by default. Set this field to false if the caller handles failures
   * itself, for example because a retry must repeat several requests.
   */
  readonly retry?: boolean;
  /** A signal that aborts this request. This signal replaces the signal of the transport. */
  readonly signal?: AbortSignal;
}

/** A response of a registry. The caller must read or discard the body. */
export interface RegistryResponse {
  readonly status: number;
  /** The URL of the response, after redirects. */
  readonly url: URL;
  /** Returns a header. `name` must be in lower case. */
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Buffer>;
  /**
   * Reads the whole body. Throws `registry` if the body is longer than `limit` bytes. Throws `unavailable` if the
   * connection breaks.
   */
  bytes(limit: number): Promise<Buffer>;
  discard(): Promise<void>;
}

/** How to read the body of a response. */
export interface BodyOptions {
  /** The time limit for each 16 KiB of the body, in milliseconds. See {@link watchedResponse}. */
  readonly limit: number;
  /** Converts an error of the connection into the error to throw. */
  readonly failure: (error: unknown) => unknown;
}

/** Converts a response of undici into a {@link RegistryResponse}. */
export function wrapResponse(
  response: Dispatcher.ResponseData,
  url: URL,
  { limit, failure }: BodyOptions,
): RegistryResponse {
  const body = watchedResponse(response.body, limit, (error) => response.body.destroy(error));
  return {
    status: response.statusCode,
    url,
    body,
    header: (name) => {
      const value = response.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    bytes: (longest) => readAll(body, url, longest, failure),
    discard: () => discard(response.body, limit),
  };
}

async function readAll(
  body: AsyncIterable<Buffer>,
  url: URL,
  limit: number,
  failure: BodyOptions["failure"],
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > limit) throw new ToolError("registry", `the response of ${url.host} is longer than ${limit} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw failure(error);
  }
  return Buffer.concat(chunks);
}

/** Reads a short body to its end, so that the connection can be used again. Stops after `limit` milliseconds. */
async function discard(body: Dispatcher.ResponseData["body"], limit: number): Promise<void> {
  await body.dump({ limit: LONGEST_DISCARDED, signal: AbortSignal.timeout(limit) }).catch(() => {});
}
