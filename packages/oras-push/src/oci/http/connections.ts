import { createSecureContext, type SecureContext } from "node:tls";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf } from "shared/fs/system-error";
import { Agent, buildConnector, type Dispatcher, ProxyAgent } from "undici";
import { proxyFor } from "./proxy.ts";
import { certificatesIn, trustedCertificates } from "./trust.ts";

/** How to connect to a registry. */
export interface ConnectionOptions {
  /** Whether to accept invalid certificates. False by default. */
  readonly insecure?: boolean;
  /**
   * The certificate authorities to trust, in PEM. If this field is undefined, requests trust the authorities of
   * {@link trustedCertificates}.
   */
  readonly ca?: Buffer | undefined;
  /** The client certificate, in PEM. */
  readonly cert?: Buffer | undefined;
  /** The key of the client certificate, in PEM. */
  readonly key?: Buffer | undefined;
  /** The environment variables. Some of them set the proxies and the system's certificate authorities. */
  readonly env: NodeJS.ProcessEnv;
}

/** The connections to a registry, and to the hosts to which the registry redirects. A connection may use a proxy. */
export class Connections {
  readonly #options: ConnectionOptions;
  readonly #dispatchers = new Map<string, Dispatcher>();
  #context: SecureContext | undefined;
  #lastFailure: Error | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /**
   * Returns the proxy for a URL. Returns undefined if the connection is direct. Throws `usage` if the proxy's URL is
   * invalid.
   */
  proxyFor(url: URL): URL | undefined {
    return proxyFor(url, this.#options.env);
  }

  /** Returns the dispatcher that sends requests to a URL. Throws `usage` if a certificate is invalid. */
  dispatcherFor(url: URL): Dispatcher {
    const proxy = this.proxyFor(url);
    // The certificates are read and parsed only for TLS.
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

  /**
   * The last error of a direct connection. For some errors, undici reports only "connection closed". In this case, the
   * error in this field shows the reason.
   */
  get lastFailure(): Error | undefined {
    return this.#lastFailure;
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#dispatchers.values()].map((dispatcher) => dispatcher.destroy()));
  }

  /**
   * Creates a connector that records errors after the handshake. For example, a registry that uses TLS 1.3 rejects an
   * invalid client certificate after the handshake.
   */
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
    if (trusted.length === 0)
      throw new ToolError("usage", "the file of --ca-file contains no certificate", { why: "expected PEM" });
    try {
      return createSecureContext({ ca: trusted, cert, key });
    } catch (error) {
      const message = "cannot use the client certificate of --cert-file and --key-file";
      throw new ToolError("usage", message, { why: reasonOf(error), cause: error });
    }
  }
}
