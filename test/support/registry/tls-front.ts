import { readFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { createServer } from "node:tls";
import type { CertificateFiles } from "./certificates.ts";

/** Starts a server that speaks TLS and hands on to `upstream` (host and port) what comes. Gives its port. */
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
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => void server.close());
  return (server.address() as AddressInfo).port;
}
