import { describeError, ToolError } from "shared/cli/tool-error";
import { systemCode } from "shared/fs/system-error";
import { errors } from "undici";
import { Authorizer } from "../auth/authorizer.ts";
import type { CredentialSource } from "../auth/credential.ts";
import { isLocalRegistry } from "../reference.ts";
import { MAX_ERROR_BYTES, parseErrorBody, RegistryError } from "../registry-error.ts";
import { type ConnectionOptions, Connections } from "./connections.ts";
import { resolveLocation, shownUrl } from "./location.ts";
import { type RegistryRequest, type RegistryResponse, wrapResponse } from "./message.ts";
import { networkFailure } from "./network-failure.ts";
import {
  DEFAULT_RETRY,
  isTransient,
  parseRetryAfter,
  type RetryPolicy,
  type RetryPredicate,
  retrying,
} from "./retry.ts";
import { abortWhenStalled } from "./stall.ts";

/** How to send requests to a registry. With `insecure`, a registry without TLS is used over plain HTTP. */
export interface TransportOptions extends ConnectionOptions {
  /** Use plain HTTP, also for a registry that is not local. */
  readonly plainHttp?: boolean;
  readonly credentials: CredentialSource;
  readonly retry?: RetryPolicy;
  /**
   * The time in seconds after which a connection without a transferred byte of a body counts as broken; 60 by default.
   */
  readonly stallSeconds?: number;
  readonly signal: AbortSignal;
  readonly userAgent: string;
  /** Receives a line for each request, without secrets. */
  readonly debug: (line: string) => void;
  /** Receives a line for each retry. */
  readonly warn: (line: string) => void;
}

/** The timeout of a slow response, in milliseconds. */
const SLOW_RESPONSE_TIME = 300_000;

const DEFAULT_STALL_SECONDS = 60;

const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

/** Sends HTTP requests to one registry. Handles its scheme, credentials, redirects, retries and errors. */
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

  /** Sends a request. Throws {@link RegistryError}, or `unavailable` if there is no response. */
  send(request: RegistryRequest): Promise<RegistryResponse> {
    const attempt = () => this.#authorized(request);
    return request.retry === false ? attempt() : this.retrying(attempt, `${request.method} ${this.registry}`);
  }

  /** Calls `attempt` until it succeeds or `predicate` decides against a retry, within the deadline. Logs each retry. */
  retrying<T>(attempt: () => Promise<T>, what: string, predicate: RetryPredicate = isTransient): Promise<T> {
    const { retry = DEFAULT_RETRY, signal, warn } = this.#options;
    return retrying(attempt, predicate, retry, signal, (error, delay) =>
      warn(`${what}: retrying in ${(delay / 1000).toFixed(1)} s: ${describeError(error)}`),
    );
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await this.#connections.close();
  }

  async #authorized(request: RegistryRequest): Promise<RegistryResponse> {
    const first = await this.#follow(request);
    if (first.status !== 401 || request.expect.includes(401)) return this.#expected(request, first);
    const challenge = first.header("www-authenticate");
    // A host that we were redirected to may send a challenge, but does not get the credentials of the registry.
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
        throw new ToolError("registry", `the registry ${this.registry} redirects more than ${MAX_REDIRECTS} times`);
      url = resolveLocation(location, url);
    }
  }

  async #exchange(request: RegistryRequest, url: URL): Promise<RegistryResponse> {
    // A different host, after a redirect or in an upload location, gets no credentials.
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
      slowResponse,
      signal = this.#options.signal,
    }: Pick<RegistryRequest, "method" | "body" | "slowResponse" | "signal">,
    url: URL,
    headers: Record<string, string>,
  ): Promise<RegistryResponse> {
    const stalled = new AbortController();
    const bytes = typeof body === "function" ? abortWhenStalled(body(), this.#stallTime, stalled) : (body ?? null);
    try {
      const response = await this.#connections.dispatcherFor(url).request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers,
        signal: AbortSignal.any([signal, stalled.signal]),
        body: bytes as Buffer | null,
        headersTimeout: slowResponse === true ? SLOW_RESPONSE_TIME : this.#stallTime,
        bodyTimeout: this.#stallTime,
      });
      return wrapResponse(response, url, (error) => this.unavailable(error, url));
    } catch (error) {
      this.#options.debug(`${method} ${shownUrl(url)} -> ${describeError(error)}`);
      throw this.unavailable(error, url);
    }
  }

  /** Converts a network error at a URL to `unavailable`, with the host. Returns any other error unchanged. */
  unavailable(error: unknown, url: URL): unknown {
    this.#options.signal.throwIfAborted();
    const code = systemCode(error) ?? (error instanceof errors.HTTPParserError ? "HPE" : undefined);
    if (error instanceof ToolError || code === undefined) return error;
    const redirectedBy = url.origin === this.#origin.origin ? undefined : this.registry;
    const host = redirectedBy === undefined ? this.registry : url.host;
    const unreached = { host, redirectedBy, proxy: this.#connections.proxyFor(url)?.host };
    const cause = code === "UND_ERR_SOCKET" ? (this.#connections.lastFailure ?? error) : error;
    return networkFailure(unreached, systemCode(cause) ?? code, cause);
  }

  /** Switches to plain HTTP, if allowed, after a handshake that showed that the registry does not use TLS. */
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

  /** The time after which a transfer counts as stalled, in milliseconds. */
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

function schemeFor(registry: string, options: TransportOptions): "http" | "https" {
  if (options.plainHttp === true) return "http";
  const secured = options.ca !== undefined || options.cert !== undefined || options.insecure === true;
  return isLocalRegistry(registry) && !secured ? "http" : "https";
}

/** The API of Docker Hub is on a different host. */
function hostFor(registry: string): string {
  return registry === "docker.io" || registry === "index.docker.io" ? "registry-1.docker.io" : registry;
}
