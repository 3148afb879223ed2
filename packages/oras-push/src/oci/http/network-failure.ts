import { systemCode, ToolError } from "shared/cli/tool-error";
import { RegistryError } from "../errors.ts";
import type { Judge, Verdict } from "./retry.ts";

const CERTIFICATE_WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself",
  ERR_SSL_WRONG_VERSION_NUMBER: "it speaks no TLS",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is of an unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is of an unknown authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is of an unknown authority",
};

const NETWORK_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EAI_AGAIN: "its name cannot be looked up now",
  ENOTFOUND: "no such host",
  EPIPE: "connection closed",
  EHOSTUNREACH: "no way to the host",
  ENETUNREACH: "no way to the network",
  ETIMEDOUT: "timed out",
  UND_ERR_ABORTED: "the proxy gives no way to it",
  UND_ERR_BODY_TIMEOUT: "nothing moved any more",
  UND_ERR_CONNECT_TIMEOUT: "timed out",
  UND_ERR_HEADERS_TIMEOUT: "no answer",
  UND_ERR_PRX_CONN: "connection closed",
  UND_ERR_SOCKET: "connection closed",
};

/** Who could not be reached. */
export interface Unreached {
  /** Host and port. */
  readonly host: string;
  /** The registry that sent us there; undefined for that registry itself. */
  readonly sentBy: string | undefined;
  /** Host and port of the proxy by way of which it was tried; undefined for none. */
  readonly proxy: string | undefined;
}

/** What a registry says of the certificate that it wants to see, as OpenSSL names it (RFC 8446, section 6.2). */
const REFUSED_CERTIFICATE = /_ALERT_(.*CERTIFICATE.*|UNKNOWN_CA)$/;

/** A failure of the network by its code, such as `ECONNREFUSED`, as `unavailable`; as `notAuthorised` where a proxy refuses. */
export function networkFailure({ host, sentBy, proxy }: Unreached, code: string, cause: unknown): ToolError {
  const tls = code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS") || CERTIFICATE_WORDS[code] !== undefined;
  const { message } = cause as Error;
  if (proxy !== undefined && message.includes("(407)"))
    return new ToolError("notAuthorised", `the proxy ${proxy} asks for other credentials`, {
      hint: "they stand in HTTPS_PROXY or HTTP_PROXY, as in http://USER:PASSWORD@HOST:PORT",
      cause,
    });
  const refused = REFUSED_CERTIFICATE.test(code) ? "it wants a certificate of ours, or takes not this one" : undefined;
  const words = NETWORK_WORDS[code] ?? CERTIFICATE_WORDS[code] ?? refused ?? message.trim();
  const what = sentBy === undefined ? `the registry ${host}` : `${host}, where the registry ${sentBy} sends us`;
  return new ToolError("unavailable", `cannot reach ${what}`, {
    why: `${words} (${code})${proxy === undefined ? "" : `, by way of the proxy ${proxy}`}`,
    ...(tls ? { hint: "--ca-file, --cert-file, --insecure and --plain-http say how to speak to it" } : {}),
    cause,
  });
}

const RETRIED_STATUSES = new Set([408, 429, 500, 502, 503, 504]);

/** The registry's code for an upload that it lost (distribution-spec, "Error Codes"): the next try opens another. */
const LOST_UPLOAD = "BLOB_UPLOAD_UNKNOWN";

/** Whether a failure may pass: no connection, a broken one, or a registry that is overloaded, not ready or forgetful. */
export function mayPass(error: unknown): Verdict {
  if (error instanceof RegistryError) {
    const retry = RETRIED_STATUSES.has(error.status) || error.registryCode === LOST_UPLOAD;
    return retry ? { retry, pause: error.retryAfter } : { retry };
  }
  if (!(error instanceof ToolError) || error.code !== "unavailable") return { retry: false };
  const code = systemCode(error.cause) ?? "";
  return { retry: NETWORK_WORDS[code] !== undefined };
}

/** The registry's codes for a manifest of which it does not find, or cannot read, a blob (distribution-spec, "Error Codes"). */
const MISSED_BLOB = new Set(["MANIFEST_BLOB_UNKNOWN", "DIGEST_INVALID"]);

/** How often a registry is told again of a manifest whose blobs it had confirmed and does not find. */
const MAX_MISSED_BLOBS = 4;

/**
 * Judges the tries of a manifest all of whose blobs the registry has confirmed. That it misses one may pass: storage that
 * is replicated shows it later, and distribution 2 reads the note of a blob as empty while another push to the repository
 * writes it anew. Gives up sooner than on what {@link mayPass}, for the blob may as well have been deleted.
 */
export function mayPassForManifest(): Judge {
  let missed = 0;
  return (error) =>
    error instanceof RegistryError && MISSED_BLOB.has(error.registryCode ?? "")
      ? { retry: missed++ < MAX_MISSED_BLOBS }
      : mayPass(error);
}
