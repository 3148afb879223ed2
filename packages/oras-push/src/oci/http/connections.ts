import { createSecureContext, type SecureContext } from "node:tls";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf } from "shared/fs/system-error";
import { Agent, buildConnector, type Dispatcher, ProxyAgent } from "undici";
import { proxyFor } from "./proxy.ts";
import { certificatesIn, trustedCertificates } from "./trust.ts";

/** How connections are made. */
export interface ConnectionOptions {
  /** Certificates are not checked. */
  readonly insecure?: boolean;
  /** PEM of the one certificate authority that is trusted; by default those of {@link trustedCertificates}. */
  readonly ca?: Buffer | undefined;
  /** PEM of a certificate and its key to show. */
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  /** Proxies and the system's authorities are found by it. */
  readonly env: NodeJS.ProcessEnv;
}

/** The connections to a registry and to where it sends us, direct or by way of proxies. */
export class Connections {
  readonly #options: ConnectionOptions;
  readonly #dispatchers = new Map<string, Dispatcher>();
  #context: SecureContext | undefined;
  #lastFailure: Error | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** The proxy by way of which a URL is reached; undefined for none. Throws as {@link proxyFor} does. */
  proxy(url: URL): URL | undefined {
    return proxyFor(url, this.#options.env);
  }

  /** What requests to a URL are handed to. Throws `usage` for certificates that are none. */
  dispatcher(url: URL): Dispatcher {
    const proxy = this.proxy(url);
    // Certificates are read and understood only where there is TLS.
    const tls = url.protocol === "https:" || proxy?.protocol === "https:" ? this.#tls() : {};
    const name = `${proxy?.href ?? ""} ${Object.keys(tls).length}`;
    const known = this.#dispatchers.get(name);
    if (known !== undefined) return known;
    const dispatcher =
      proxy === undefined
        ? new Agent({ allowH2: false, connect: this.#connector(tls) })
        : new ProxyAgent({ allowH2: false, uri: proxy.href, requestTls: tls, proxyTls: tls });
    this.#dispatchers.set(name, dispatcher);
    return dispatcher;
  }

  /** What the last connection that broke said of it; for who was told of no more than its end. Not known of proxies. */
  get lastFailure(): Error | undefined {
    return this.#lastFailure;
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#dispatchers.values()].map((dispatcher) => dispatcher.destroy()));
  }

  /** A registry that refuses our certificate says so after the handshake; to undici that is an end like any other. */
  #connector(tls: buildConnector.BuildOptions): buildConnector.connector {
    const connect = buildConnector({ ...tls, allowH2: false });
    return (options, callback) =>
      connect(options, (...result) => {
        result[1]?.once("error", (error) => {
          this.#lastFailure = error;
        });
        callback(...result);
      });
  }

  #tls(): buildConnector.BuildOptions {
    this.#context ??= this.#secureContext();
    return { secureContext: this.#context, rejectUnauthorized: this.#options.insecure !== true };
  }

  #secureContext(): SecureContext {
    const { ca, cert, key, env } = this.#options;
    const trusted = ca === undefined ? trustedCertificates(env) : certificatesIn(ca.toString("latin1"));
    if (trusted.length === 0) throw new ToolError("usage", "--ca-file holds no certificate", { why: "PEM is due" });
    try {
      return createSecureContext({ ca: trusted, cert, key });
    } catch (error) {
      throw new ToolError("usage", "--cert-file and --key-file cannot be used", {
        why: reasonOf(error),
        cause: error,
      });
    }
  }
}
