import { ToolError } from "shared/cli/tool-error";
import { errors } from "undici";

const CERTIFICATE_WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not use TLS",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for a different host name",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate authority is unknown",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate authority is unknown",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate authority is unknown",
};

const NETWORK_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EAI_AGAIN: "its host name cannot be resolved at the moment",
  ENOTFOUND: "no such host",
  EPIPE: "connection closed",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ETIMEDOUT: "timed out",
  UND_ERR_ABORTED: "the proxy refused the connection",
  UND_ERR_BODY_TIMEOUT: "the transfer stalled",
  UND_ERR_CONNECT_TIMEOUT: "timed out",
  UND_ERR_HEADERS_TIMEOUT: "no response",
  UND_ERR_PRX_CONN: "connection closed",
  UND_ERR_SOCKET: "connection closed",
};

/** If a response has the status 101 (Switching Protocols), undici throws an assertion error with this code. */
const SWITCHED_PROTOCOL = "ERR_ASSERTION";

/** The host that could not be reached. */
export interface UnreachableHost {
  /** Host and port. */
  readonly host: string;
  /**
   * The registry that led to the unreachable host, for example by a redirect. Undefined if the registry itself is
   * unreachable.
   */
  readonly redirectedBy: string | undefined;
  /** The host and port of the proxy. Undefined for a direct connection. */
  readonly proxy: string | undefined;
  /** Whether the request was sent over plain HTTP. */
  readonly plain: boolean;
}

/** OpenSSL's codes for a client certificate that the registry requires or rejects (RFC 8446, section 6.2). */
const REFUSED_CERTIFICATE = /_ALERT_(.*CERTIFICATE.*|UNKNOWN_CA)$/;

/**
 * Creates the failure for a network error code such as `ECONNREFUSED`. The failure is `notAuthorized` if a proxy
 * responded with the status 407 (Proxy Authentication Required). Otherwise, the failure is `unavailable`.
 */
export function networkFailure(
  { host, redirectedBy, proxy, plain }: UnreachableHost,
  code: string,
  cause: unknown,
): ToolError {
  const tls = code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS") || CERTIFICATE_WORDS[code] !== undefined;
  const { message } = cause as Error;
  if (proxy !== undefined && message.includes("(407)"))
    return new ToolError("notAuthorized", `the proxy ${proxy} rejected the credentials`, {
      hint: "set the credentials in HTTPS_PROXY or HTTP_PROXY, as in http://USER:PASSWORD@HOST:PORT",
      cause,
    });
  const refused = REFUSED_CERTIFICATE.test(code) ? "it requires a client certificate, or rejected yours" : undefined;
  const switched = code === SWITCHED_PROTOCOL ? "its response is not HTTP/1.1" : undefined;
  const words = switched ?? NETWORK_WORDS[code] ?? CERTIFICATE_WORDS[code] ?? refused ?? message.trim();
  const what =
    redirectedBy === undefined ? `the registry ${host}` : `${host}, to which the registry ${redirectedBy} redirects`;
  return new ToolError("unavailable", `cannot reach ${what}`, {
    why: `${words} (${code})${proxy === undefined ? "" : `, through the proxy ${proxy}`}`,
    ...(tls ? { hint: "see --ca-file, --cert-file, --insecure and --plain-http" } : {}),
    ...(plain && code === "UND_ERR_SOCKET" ? { hint: "if the registry uses TLS, see --plain-http=false" } : {}),
    cause,
  });
}

/**
 * Returns a code if an error shows that undici could not parse a response. Returns undefined for any other error. If
 * the status of a response is 101, an assertion in undici fails. In the packaged executable, Node cannot read the
 * source code of this assertion, and throws a `SyntaxError` instead of an assertion error. Therefore, this function
 * treats a `SyntaxError` as a response with the status 101.
 */
export function parserErrorCode(error: unknown): string | undefined {
  if (error instanceof errors.HTTPParserError) return "HPE";
  return error instanceof SyntaxError ? SWITCHED_PROTOCOL : undefined;
}

/** Whether a code means a network failure that may be transient. Certificate errors are not transient. */
export function isNetworkCode(code: string): boolean {
  return NETWORK_WORDS[code] !== undefined;
}
