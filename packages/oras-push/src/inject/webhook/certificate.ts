import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf } from "shared/fs/system-error";

/** A certificate and its private key, in PEM format. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** The names of the files in a Secret of the type `kubernetes.io/tls`. */
const FILES = { cert: "tls.crt", key: "tls.key" } as const;

/**
 * The time between two checks of the files, in milliseconds. The kubelet needs up to a minute to update a mounted
 * Secret, so more frequent checks would gain little.
 */
const INTERVAL = 5000;

/**
 * Reads the certificate and the key in a folder. Throws `noInput` if a file is missing or invalid, or if the key does
 * not match the certificate.
 */
export function readCertificate(folder: string): CertificatePair {
  try {
    const read = (name: string) => readFileSync(join(folder, name), "utf8");
    const pair = { cert: read(FILES.cert), key: read(FILES.key) };
    // While another program overwrites a file, `read` can return an empty text. `createSecureContext` would accept an
    // empty text, but the next two calls reject it.
    new X509Certificate(pair.cert);
    createPrivateKey(pair.key);
    createSecureContext(pair);
    return pair;
  } catch (error) {
    const message = `cannot use the certificate in ${folder}`;
    const hint = `expected the files ${FILES.cert} and ${FILES.key}, as in a Secret of the type kubernetes.io/tls`;
    throw new ToolError("noInput", message, { why: reasonOf(error), hint, cause: error });
  }
}

/**
 * Calls `use` when the certificate in a folder changes, until `signal` aborts. If the new certificate is invalid,
 * warns, and does not call `use`. Does not repeat the warning while the failure stays the same.
 */
export function watchCertificate(
  folder: string,
  first: CertificatePair,
  { use, warn, signal }: CertificateWatch,
): void {
  let [current, failure] = [first, ""];
  const timer = setInterval(() => {
    try {
      const next = readCertificate(folder);
      failure = "";
      if (next.cert === current.cert && next.key === current.key) return;
      current = next;
      use(next);
    } catch (error) {
      const { message, why } = error as ToolError;
      const text = `${message}: ${why}; the last valid certificate stays in use`;
      if (text !== failure) warn(text);
      failure = text;
    }
  }, INTERVAL);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

/** What {@link watchCertificate} needs. */
export interface CertificateWatch {
  readonly use: (pair: CertificatePair) => void;
  readonly warn: (text: string) => void;
  readonly signal: AbortSignal;
}
