import { ToolError } from "shared/cli/tool-error";
import type { Dispatcher } from "undici";

/** A request to a registry. */
export interface RegistryRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A path on the registry such as `/v2/`, or a URL that the registry returned. */
  readonly target: string | URL;
  /** The right that the request needs, as token servers name it: `repository:metric/run:pull,push`. */
  readonly scope: string;
  /** The expected statuses; any other status is thrown as a `RegistryError`. */
  readonly expect: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. A stream is opened again for each attempt. */
  readonly body?: Buffer | (() => AsyncIterable<Buffer>) | undefined;
  /** The length of a streamed body in bytes. Without it, the body is sent with chunked encoding. */
  readonly length?: number;
  /** The response may take minutes, because the registry may have to move a large blob first; false by default. */
  readonly slowResponse?: boolean;
  /** False if a retry must do more than send this request again; true by default. */
  readonly retry?: boolean;
  /** A signal that aborts this request. It replaces the signal of the transport. */
  readonly signal?: AbortSignal;
}

/** A response of a registry. The caller must read or discard its body. */
export interface RegistryResponse {
  readonly status: number;
  /** The URL of the response, after redirects. */
  readonly url: URL;
  /** A header by its name in lower case. */
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Buffer>;
  /** The whole body. Throws `registry` if it is longer than `limit` bytes, `unavailable` if the connection breaks. */
  bytes(limit: number): Promise<Buffer>;
  discard(): Promise<void>;
}

/** Wraps undici's response. `failure` converts an error of the connection. */
export function wrapResponse(
  response: Dispatcher.ResponseData,
  url: URL,
  failure: (error: unknown) => unknown,
): RegistryResponse {
  return {
    status: response.statusCode,
    url,
    body: response.body,
    header: (name) => {
      const value = response.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    bytes: async (limit) => {
      const chunks: Buffer[] = [];
      let size = 0;
      try {
        for await (const chunk of response.body as AsyncIterable<Buffer>) {
          size += chunk.length;
          if (size > limit)
            throw new ToolError("registry", `the response of ${url.host} is longer than ${limit} bytes`);
          chunks.push(chunk);
        }
      } catch (error) {
        throw failure(error);
      }
      return Buffer.concat(chunks);
    },
    discard: () => response.body.dump().then(() => undefined),
  };
}
