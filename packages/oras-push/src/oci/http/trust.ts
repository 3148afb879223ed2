import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates } from "node:tls";

/** Where systems keep the bundle of their certificate authorities; the first that is there counts, as for Go's programs. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Where systems keep authorities one a file. */
const FOLDERS = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * The certificate authorities that vouch for registries where the user names none, PEM: those that this program brings, and
 * the system's, from the places where Go's programs and so `oras` look: `SSL_CERT_FILE` and the folders of `SSL_CERT_DIR`,
 * else the usual ones. What can't be read or is no certificate is left aside.
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

/** The certificates in a text, PEM, each once; what is none is left aside. */
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

/** One that is broken would fail them all. */
function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
