import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** The paths of a certificate and its key. Both files are in PEM format. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority for tests. */
export interface Authority extends CertificateFiles {
  /** Issues a certificate that servers and clients can use. Its names are localhost, 127.0.0.1 and registry.example. */
  issue(name: string): CertificateFiles;
}

/** Creates a certificate authority in a folder. Uses openssl. */
export function makeAuthority(folder: string): Authority {
  mkdirSync(folder, { recursive: true });
  const own = filesOf(folder, "authority");
  const subject = ["-subj", "/CN=authority of a test"];
  openssl(["req", "-x509", ...NEW_KEY, "-keyout", own.key, "-out", own.certificate, "-days", "2", ...subject]);
  return { ...own, issue: (name) => issue(folder, name, own) };
}

const NEW_KEY = ["-newkey", "rsa:2048", "-nodes"];

function issue(folder: string, name: string, authority: CertificateFiles): CertificateFiles {
  const files = filesOf(folder, name);
  const names = ["-addext", "subjectAltName=DNS:localhost,DNS:registry.example,IP:127.0.0.1"];
  const signer = ["-CA", authority.certificate, "-CAkey", authority.key];
  const subject = ["-subj", `/CN=${name}`, "-days", "2"];
  const output = ["-keyout", files.key, "-out", files.certificate];
  openssl(["req", "-x509", ...NEW_KEY, ...output, ...signer, ...subject, ...names]);
  return files;
}

function filesOf(folder: string, name: string): CertificateFiles {
  return { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
}

function openssl(args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}
