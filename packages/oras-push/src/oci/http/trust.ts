import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates } from "node:tls";

/** The usual paths of the system's certificate authorities. The first existing file is used, as in Go programs. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** The usual folders with certificate authorities. All files in these folders are read. */
const FOLDERS = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * Returns the default certificate authorities of Node and of the system, in PEM. The variable `SSL_CERT_FILE` contains
 * the path of the file with the system's authorities. The variable `SSL_CERT_DIR` contains the paths of the folders
 * with the system's authorities. Go programs such as `oras` read the same variables. If a variable is not set, this
 * function uses the usual paths. Ignores unreadable files and invalid certificates.
 */
export function trustedCertificates(env: NodeJS.ProcessEnv): string[] {
  const bundles = env.SSL_CERT_FILE ? [env.SSL_CERT_FILE] : BUNDLES;
  const folders = env.SSL_CERT_DIR ? env.SSL_CERT_DIR.split(":") : FOLDERS;
  const bundle = bundles.map(textOf).find((text) => text !== undefined) ?? "";
  const texts = [
    bundle,
    ...folders.flatMap((folder) => namesIn(folder).map((name) => textOf(join(folder, name)) ?? "")),
  ];
  const own = getCACertificates("default").map((pem) => pem.trim());
  return [...new Set([...own, ...certificatesIn(texts.join("\n"))])];
}

/** Returns the certificates in a PEM text, without duplicates. Ignores invalid certificates. */
export function certificatesIn(text: string): string[] {
  return [...new Set(text.match(CERTIFICATE))].filter(isCertificate);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * Whether OpenSSL can parse a certificate. If a list contains a certificate that OpenSSL cannot parse, OpenSSL rejects
 * the whole list.
 */
function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
