import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates } from "node:tls";

/** The paths of a system's bundle of certificate authorities. The first that exists is used, as in Go programs. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** The folders in which systems keep one authority per file. */
const FOLDERS = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * The certificate authorities that are trusted if the user names none, in PEM: those of Node and those of the system.
 * Finds the authorities of the system as Go programs such as `oras` do: in `SSL_CERT_FILE` and the folders of
 * `SSL_CERT_DIR`, else in the usual paths. Ignores unreadable files and invalid certificates.
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

/** The certificates in a PEM text, without duplicates. Ignores invalid ones. */
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

/** Whether a certificate is valid: a single invalid one would make OpenSSL reject all. */
function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
