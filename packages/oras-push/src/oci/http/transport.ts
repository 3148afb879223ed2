import { describeError, systemCode, ToolError } from "shared/cli/tool-error";
import { type Dispatcher, errors } from "undici";
import { Authorizer } from "../auth/authorizer.ts";
import type { CredentialSource } from "../auth/credentials.ts";
import { MAX_ERROR_BYTES, parseErrorBody, placeNamed, RegistryError, shownUrl } from "../errors.ts";
import { isLocalRegistry } from "../reference.ts";
import { type ConnectionOptions, Connections } from "./connections.ts";
import { mayPass, networkFailure } from "./network-failure.ts";
import { DEFAULT_RETRY, type Judge, parseRetryAfter, type RetryPolicy, retrying } from "./retry.ts";

/** How a registry is spoken to. Where certificates are not checked, plain HTTP is taken from one that speaks no TLS. */
export interface TransportOptions extends ConnectionOptions {
  /** Plain HTTP even for a registry that is not local. */
  readonly plainHttp?: boolean;
  readonly credentials: CredentialSource;
  readonly retry?: RetryPolicy;
  /** Seconds without a byte of a body, either way, after which a connection counts as broken; 60 by default. */
  readonly stallSeconds?: number;
  readonly signal: AbortSignal;
  readonly userAgent: string;
  /** Told of requests and answers, without secrets. */
  readonly debug: (line: string) => void;
  /** Told of what is tried again. */
  readonly warn: (line: string) => void;
}

/** A request to the registry. */
export interface RegistryRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A path on the registry such as `/v2/`, or a URL that the registry gave. */
  readonly target: string | URL;
  /** What the request is allowed to do, as token servers name it: `repository:metric/run:pull,push`. */
  readonly scope: string;
  /** The statuses that are answers; any other is thrown as a {@link RegistryError}. */
  readonly expect: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
  /** The body; a stream is made anew for each try. */
  readonly body?: Buffer | (() => AsyncIterable<Buffer>) | undefined;
  /** The length of a streamed body in bytes, where it is known; else it is sent in chunks. */
  readonly length?: number;
  /** The answer may take minutes, for the registry may have to move a large blob first; false by default. */
  readonly slowAnswer?: boolean;
  /** False where a failure must be met by doing more than this request again; true by default. */
  readonly retry?: boolean;
  /** Ends this request, in the place of the transport's own signal. */
  readonly signal?: AbortSignal;
}

/** An answer of the registry. One whose body is not read must be discarded. */
export interface RegistryResponse {
  readonly status: number;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Buffer>;
  /** The whole body, up to `limit` bytes; throws `registry` where it is longer, `unavailable` where it breaks off. */
  bytes(limit: number): Promise<Buffer>;
  discard(): Promise<void>;
}

/** How long a slow answer may take, in milliseconds. */
const ANSWER_TIME = 300_000;

const DEFAULT_STALL_SECONDS = 60;

const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

/** Speaks HTTP to one registry: its scheme, credentials, redirects, retries and errors are settled here. */
export class Transport {
  readonly registry: string;
  readonly #options: TransportOptions;
  readonly #connections: Connections;
  readonly #authorizer: Authorizer;
  #origin: URL;

  constructor(registry: string, options: TransportOptions) {
    this.registry = registry;
    this.#options = options;
    this.#origin = new URL(`${schemeFor(registry, options)}://${hostFor(registry)}`);
    this.#connections = new Connections(options);
    this.#authorizer = new Authorizer(registry, options.credentials, (url, { authorization, form }) =>
      this.#requestToken(url, authorization, form),
    );
  }

  /** Sends a request and gives the answer. Throws {@link RegistryError}, or `unavailable` where there is no answer. */
  send(request: RegistryRequest): Promise<RegistryResponse> {
    const attempt = () => this.#authorized(request);
    return request.retry === false ? attempt() : this.retrying(attempt, `${request.method} ${this.registry}`);
  }

  /** Does something with this registry until it succeeds or `judge` has the failures met with no other try. */
  retrying<T>(attempt: () => Promise<T>, what: string, judge: Judge = mayPass): Promise<T> {
    const { retry = DEFAULT_RETRY, signal, warn } = this.#options;
    return retrying(attempt, judge, retry, signal, (error, pause) =>
      warn(`${what}: again in ${(pause / 1000).toFixed(1)} s: ${describeError(error)}`),
    );
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await this.#connections.close();
  }

  async #authorized(request: RegistryRequest): Promise<RegistryResponse> {
    const first = await this.#follow(request);
    if (first.status !== 401 || request.expect.includes(401)) return this.#expected(request, first);
    const challenge = first.header("www-authenticate");
    // Who was redirected to may ask, but not for what belongs to the registry.
    if (first.url.origin !== this.#origin.origin) return this.#expected(request, first);
    if (!(await this.#authorizer.answer(challenge, request.scope, this.#origin))) return this.#expected(request, first);
    await first.discard();
    return this.#expected(request, await this.#follow(request));
  }

  async #follow(request: RegistryRequest): Promise<RegistryResponse> {
    let url = this.#resolve(request.target);
    for (let redirects = 0; ; redirects++) {
      const response = await this.#exchange(request, url);
      const location = response.header("location");
      if (!REDIRECTS.includes(response.status) || location === undefined) return response;
      await response.discard();
      if (redirects === MAX_REDIRECTS)
        throw new ToolError("registry", `the registry ${this.registry} redirects without an end`);
      url = placeNamed(location, url);
    }
  }

  async #exchange(request: RegistryRequest, url: URL): Promise<RegistryResponse> {
    // A redirect, or an upload location, on another host gets no credentials.
    const own = url.origin === this.#origin.origin;
    const authorization = own ? await this.#authorizer.header(request.scope) : undefined;
    const headers = {
      "user-agent": this.#options.userAgent,
      ...request.headers,
      ...(authorization === undefined ? {} : { authorization }),
      ...(request.length === undefined ? {} : { "content-length": String(request.length) }),
    };
    const response = await this.#call(request, url, headers).catch((error) => {
      if (!this.#fallBackToPlain(error, url)) throw error;
      return this.#call(request, this.#resolve(request.target), headers);
    });
    this.#options.debug(`${request.method} ${shownUrl(url)} -> ${response.status}`);
    return response;
  }

  async #call(
    {
      method,
      body,
      slowAnswer,
      signal = this.#options.signal,
    }: Pick<RegistryRequest, "method" | "body" | "slowAnswer" | "signal">,
    url: URL,
    headers: Record<string, string>,
  ): Promise<RegistryResponse> {
    const stalled = new AbortController();
    const bytes = typeof body === "function" ? watched(body(), this.#stallTime, stalled) : (body ?? null);
    try {
      const response = await this.#connections.dispatcher(url).request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers,
        signal: AbortSignal.any([signal, stalled.signal]),
        body: bytes as Buffer | null,
        headersTimeout: slowAnswer === true ? ANSWER_TIME : this.#stallTime,
        bodyTimeout: this.#stallTime,
      });
      return wrapResponse(response, url, (error) => this.unavailable(error, url));
    } catch (error) {
      this.#options.debug(`${method} ${shownUrl(url)} -> ${describeError(error)}`);
      throw this.unavailable(error, url);
    }
  }

  /** A failure of the network at a URL as `unavailable`, naming who cannot be reached; any other as it is. */
  unavailable(error: unknown, url: URL): unknown {
    this.#options.signal.throwIfAborted();
    const code = systemCode(error) ?? (error instanceof errors.HTTPParserError ? "HPE" : undefined);
    if (error instanceof ToolError || code === undefined) return error;
    const sentBy = url.origin === this.#origin.origin ? undefined : this.registry;
    const host = sentBy === undefined ? this.registry : url.host;
    const unreached = { host, sentBy, proxy: this.#connections.proxy(url)?.host };
    const cause = code === "UND_ERR_SOCKET" ? (this.#connections.lastFailure ?? error) : error;
    return networkFailure(unreached, systemCode(cause) ?? code, cause);
  }

  /** Whether a failed handshake showed that there is no TLS, and none is asked for. */
  #fallBackToPlain(error: unknown, url: URL): boolean {
    const code = error instanceof ToolError ? systemCode(error.cause) : undefined;
    const mayFallBack =
      this.#options.insecure === true && url.origin === this.#origin.origin && url.protocol === "https:";
    if (!mayFallBack || (code !== "ERR_SSL_WRONG_VERSION_NUMBER" && code !== "ERR_SSL_PACKET_LENGTH_TOO_LONG"))
      return false;
    this.#origin = new URL(`http://${this.#origin.host}`);
    return true;
  }

  async #expected(request: RegistryRequest, response: RegistryResponse): Promise<RegistryResponse> {
    if (request.expect.includes(response.status)) return response;
    const body = await response.bytes(MAX_ERROR_BYTES).catch(() => Buffer.alloc(0));
    const what = `${request.method} ${shownUrl(response.url)}`;
    throw new RegistryError(
      what,
      response.status,
      parseErrorBody(body, (text) => this.#authorizer.conceal(text)),
      parseRetryAfter(response.header("retry-after")),
    );
  }

  async #requestToken(url: URL, authorization: string | undefined, form: URLSearchParams | undefined) {
    const headers = {
      "user-agent": this.#options.userAgent,
      ...(authorization === undefined ? {} : { authorization }),
      ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
    };
    const request = form === undefined ? ({ method: "GET" } as const) : postOf(form);
    const response = await this.#call(request, url, headers);
    this.#options.debug(`token from ${shownUrl(url)} -> ${response.status}`);
    return { status: response.status, body: await response.bytes(MAX_ERROR_BYTES) };
  }

  /** In milliseconds. */
  get #stallTime(): number {
    return (this.#options.stallSeconds ?? DEFAULT_STALL_SECONDS) * 1000;
  }

  #resolve(target: string | URL): URL {
    return new URL(target, this.#origin);
  }
}

function postOf(form: URLSearchParams) {
  return { method: "POST", body: Buffer.from(form.toString()) } as const;
}

/** A connection on which nothing moves any more. */
class StalledError extends Error {
  override readonly name = "StalledError";
  readonly code = "UND_ERR_BODY_TIMEOUT";
}

/** Passes a body on, and aborts where the other side takes nothing of it for `time` milliseconds. */
async function* watched(body: AsyncIterable<Buffer>, time: number, stalled: AbortController): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    const timer = setTimeout(() => stalled.abort(new StalledError("the body was not taken")), time);
    try {
      yield chunk;
    } finally {
      clearTimeout(timer);
    }
  }
}

function schemeFor(registry: string, options: TransportOptions): "http" | "https" {
  if (options.plainHttp === true) return "http";
  const secured = options.ca !== undefined || options.cert !== undefined || options.insecure === true;
  return isLocalRegistry(registry) && !secured ? "http" : "https";
}

/** Docker Hub's API has a host of its own. */
function hostFor(registry: string): string {
  return registry === "docker.io" || registry === "index.docker.io" ? "registry-1.docker.io" : registry;
}

function wrapResponse(
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
          if (size > limit) throw new ToolError("registry", `the answer of ${url.host} is longer than ${limit} bytes`);
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
