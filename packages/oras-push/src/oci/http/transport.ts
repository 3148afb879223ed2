import { describeError, ToolError } from "shared/cli/tool-error";
import { systemCode } from "shared/fs/system-error";
import { Authorizer } from "../auth/authorizer.ts";
import type { CredentialSource } from "../auth/credential.ts";
import { isLocalRegistry } from "../reference.ts";
import { MAX_ERROR_BYTES } from "../registry-error.ts";
import { type ConnectionOptions, Connections } from "./connections.ts";
import { type Call, exchange } from "./exchange.ts";
import { errorOf } from "./failed-response.ts";
import { limitsOf, type RegistryLimits } from "./limits.ts";
import { resolveLocation, shownUrl } from "./location.ts";
import type { RegistryRequest, RegistryResponse } from "./message.ts";
import { networkFailure, parserErrorCode } from "./network-failure.ts";
import { isRedirect, MAX_REDIRECTS } from "./redirect.ts";
import {
  DEFAULT_RETRY,
  isTransient,
  parseRetryAfter,
  type RetryPolicy,
  type RetryPredicate,
  retrying,
  silenceLimit,
} from "./retry.ts";
import { requestToken, type TokenCredentials } from "./token-request.ts";

/**
 * How to send requests to a registry. If `insecure` is true and `plainHttp` is undefined, the first request uses TLS.
 * If this request shows that the registry does not use TLS, the transport repeats the request over plain HTTP, and uses
 * plain HTTP for all further requests.
 */
export interface TransportOptions extends ConnectionOptions {
  /**
   * If true, requests use plain HTTP. If false, requests use TLS. By default, requests to a local registry use plain
   * HTTP, and requests to any other registry use TLS. If `ca`, `cert` or `insecure` is set, the default is TLS for
   * every registry.
   */
  readonly plainHttp?: boolean | undefined;
  readonly credentials: CredentialSource;
  /**
   * The connections to use. They must have the same connection options as this transport. Several transports can share
   * connections. By default, the transport has its own connections.
   */
  readonly connections?: Connections | undefined;
  readonly retry?: RetryPolicy;
  /**
   * The maximum time to wait for a response, or for the next 16 KiB of a body, in seconds. A connection that exceeds
   * this limit counts as broken. The default is 60. A small `deadlineSeconds` in `retry` reduces this limit (see
   * {@link silenceLimit}).
   */
  readonly stallSeconds?: number;
  readonly signal: AbortSignal;
  readonly userAgent: string;
  /** Logs one line for each request. The line contains no secrets. */
  readonly debug: (line: string) => void;
  /** Logs one line for each retry. */
  readonly warn: (line: string) => void;
}

const DEFAULT_STALL_SECONDS = 60;

/** Sends HTTP requests to one registry. Handles the scheme, credentials, redirects, retries and errors. */
export class Transport {
  readonly registry: string;
  /** The limits of the registry. All transports to this registry share these limits. */
  readonly limits: RegistryLimits;
  readonly #options: TransportOptions;
  readonly #connections: Connections;
  readonly #authorizer: Authorizer;
  #origin: URL;

  constructor(registry: string, options: TransportOptions) {
    this.registry = registry;
    this.limits = limitsOf(registry);
    this.#options = options;
    this.#origin = new URL(`${schemeFor(registry, options)}://${hostFor(registry)}`);
    this.#connections = options.connections ?? new Connections(options);
    this.#authorizer = new Authorizer(registry, options.credentials, async (realm, credentials) => {
      const response = await requestToken(realm, credentials, (url, allowed) => this.#askTokenServer(url, allowed));
      return { status: response.status, body: await response.bytes(MAX_ERROR_BYTES) };
    });
  }

  /**
   * Sends a request. Throws {@link RegistryError} for an unexpected status, and `unavailable` if there is no response.
   */
  send(request: RegistryRequest): Promise<RegistryResponse> {
    const attempt = () => this.#authorized(request);
    return request.retry === false ? attempt() : this.retrying(attempt, `${request.method} ${this.registry}`);
  }

  /**
   * Calls `attempt` until it succeeds, `predicate` decides against a retry, or the deadline has passed. Logs each
   * retry.
   */
  retrying<T>(attempt: () => Promise<T>, what: string, predicate: RetryPredicate = isTransient): Promise<T> {
    const { signal, warn } = this.#options;
    return retrying(attempt, predicate, this.retryPolicy, signal, (error, delay) =>
      warn(`${what}: retrying in ${(delay / 1000).toFixed(1)} s: ${describeError(error)}`),
    );
  }

  /** How long to retry. */
  get retryPolicy(): RetryPolicy {
    return this.#options.retry ?? DEFAULT_RETRY;
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await this.#connections.close();
  }

  async #authorized(request: RegistryRequest): Promise<RegistryResponse> {
    const hadPassword = this.#authorizer.sendsPassword;
    const first = await this.#follow(request);
    if (first.status !== 401 || request.expect.includes(401)) return this.#expected(request, first);
    const challenge = first.header("www-authenticate");
    // After a redirect, the challenge may come from a different host. This host must not get the registry's
    // credentials.
    if (first.url.origin !== this.#origin.origin) return this.#expected(request, first);
    const answered = await this.#authorizer.answer(challenge, request.scope, this.#origin, hadPassword);
    if (!answered) return this.#expected(request, first);
    await first.discard();
    return this.#expected(request, await this.#follow(request));
  }

  async #follow(request: RegistryRequest): Promise<RegistryResponse> {
    let url = this.#resolve(request.target);
    for (let redirects = 0; ; redirects++) {
      const response = await this.#exchange(request, url);
      const location = response.header("location");
      if (!isRedirect(response.status) || location === undefined) return response;
      await response.discard();
      if (redirects === MAX_REDIRECTS)
        throw new ToolError("registry", `the registry ${this.registry} redirects more than ${MAX_REDIRECTS} times`);
      url = resolveLocation(location, url);
    }
  }

  async #exchange(request: RegistryRequest, url: URL): Promise<RegistryResponse> {
    // A redirect or the URL of an upload can lead to a different host. This host must not get the registry's
    // credentials.
    if (url.origin !== this.#origin.origin) return this.#send(request, url, undefined);
    const authorization = await this.#authorizer.header(request.scope);
    const { requests } = this.limits;
    await requests.enter(request.signal ?? this.#options.signal);
    let response: RegistryResponse | undefined;
    try {
      response = await this.#send(request, url, authorization);
      return response;
    } finally {
      requests.leave(response?.status, parseRetryAfter(response?.header("retry-after")));
    }
  }

  async #send(request: RegistryRequest, url: URL, authorization: string | undefined): Promise<RegistryResponse> {
    const headers = {
      ...request.headers,
      ...(authorization === undefined ? {} : { authorization }),
      ...(request.length === undefined ? {} : { "content-length": String(request.length) }),
    };
    const response = await this.#call(request, url, headers, request.signal).catch((error) => {
      if (!this.#fallBackToPlain(error, url)) throw error;
      return this.#call(request, this.#resolve(request.target), headers, request.signal);
    });
    this.#options.debug(`${request.method} ${shownUrl(url)} -> ${response.status}`);
    return response;
  }

  async #call(
    call: Call,
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal = this.#options.signal,
  ): Promise<RegistryResponse> {
    const failure = (error: unknown) => this.unavailable(error, url);
    const limit = silenceLimit(this.retryPolicy, this.#options.stallSeconds ?? DEFAULT_STALL_SECONDS);
    const allHeaders = { "user-agent": this.#options.userAgent, ...headers };
    try {
      return await exchange(this.#connections, call, url, allHeaders, { silenceLimit: limit, signal, failure });
    } catch (error) {
      this.#options.debug(`${call.method} ${shownUrl(url)} -> ${describeError(error)}`);
      throw error;
    }
  }

  /**
   * Converts a network error to an `unavailable` error that contains the host of the URL. Returns any other error
   * unchanged.
   */
  unavailable(error: unknown, url: URL): unknown {
    this.#options.signal.throwIfAborted();
    const code = systemCode(error) ?? parserErrorCode(error);
    if (error instanceof ToolError || code === undefined) return error;
    const redirectedBy = url.origin === this.#origin.origin ? undefined : this.registry;
    const host = redirectedBy === undefined ? this.registry : url.host;
    const unreached = {
      host,
      redirectedBy,
      proxy: this.#connections.proxyFor(url)?.host,
      plain: url.protocol === "http:",
    };
    const cause = code === "UND_ERR_SOCKET" ? (this.#connections.lastFailure ?? error) : error;
    return networkFailure(unreached, systemCode(cause) ?? code, cause);
  }

  /**
   * Switches to plain HTTP if the options allow plain HTTP and the error shows that the registry does not use TLS.
   * Returns true if this call switched to plain HTTP.
   */
  #fallBackToPlain(error: unknown, url: URL): boolean {
    const code = error instanceof ToolError ? systemCode(error.cause) : undefined;
    const { insecure, plainHttp } = this.#options;
    const mayFallBack = insecure === true && plainHttp !== false && url.origin === this.#origin.origin;
    if (
      !mayFallBack ||
      url.protocol !== "https:" ||
      (code !== "ERR_SSL_WRONG_VERSION_NUMBER" && code !== "ERR_SSL_PACKET_LENGTH_TOO_LONG")
    )
      return false;
    this.#origin = new URL(`http://${this.#origin.host}`);
    return true;
  }

  async #expected(request: RegistryRequest, response: RegistryResponse): Promise<RegistryResponse> {
    if (request.expect.includes(response.status)) return response;
    const own = response.url.origin === this.#origin.origin;
    throw await errorOf(request, response, {
      sendAgain: (again, url) => this.#exchange(again, url),
      conceal: (text) => this.#authorizer.conceal(text),
      refused: own ? this.#authorizer.refused : undefined,
    });
  }

  async #askTokenServer(url: URL, { authorization, form }: TokenCredentials): Promise<RegistryResponse> {
    const call = form === undefined ? ({ method: "GET" } as const) : postOf(form);
    const response = await this.#call(call, url, {
      ...(authorization === undefined ? {} : { authorization }),
      ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
    });
    this.#options.debug(`token from ${shownUrl(url)} -> ${response.status}`);
    return response;
  }

  #resolve(target: string | URL): URL {
    return new URL(target, this.#origin);
  }
}

function postOf(form: URLSearchParams) {
  return { method: "POST", body: Buffer.from(form.toString()) } as const;
}

function schemeFor(registry: string, options: TransportOptions): "http" | "https" {
  if (options.plainHttp !== undefined) return options.plainHttp ? "http" : "https";
  const secured = options.ca !== undefined || options.cert !== undefined || options.insecure === true;
  return isLocalRegistry(registry) && !secured ? "http" : "https";
}

/** Returns the host of a registry's API. Docker Hub has its API on a different host. */
function hostFor(registry: string): string {
  return registry === "docker.io" || registry === "index.docker.io" ? "registry-1.docker.io" : registry;
}
