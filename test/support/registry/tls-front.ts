import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { createServer } from "node:tls";
import { listen } from "../../../support/registry/server.ts";
import type { CertificateFiles } from "./certificates.ts";

/** Starts a TLS server that forwards its connections to `upstream` (host and port). Returns its port. */
export async function startTlsFront(
  t: { after(clean: () => void): void },
  upstream: string,
  { certificate, key }: CertificateFiles,
): Promise<number> {
  const [host = "", port] = upstream.split(":");
  const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (near) => {
    const far = connect({ host, port: Number(port) });
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.pipe(far).pipe(near);
    t.after(() => near.destroy());
  });
  const address = await listen(server);
  t.after(() => void server.close());
  return Number(address.split(":")[1]);
}
