import { createPrivateKey, randomUUID, sign, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { refuse } from "../../../support/registry/memory-registry.ts";
import type { CertificateFiles } from "./certificates.ts";

/** What a token server and its registry call themselves. */
export const TOKEN_NAMES = { service: "registry of a test", issuer: "token server of a test" } as const;

/** A running token server. */
export interface JwtServer {
  readonly realm: string;
  /** How many tokens were given out. */
  readonly issued: () => number;
  /** Seconds that further tokens are good for; they do not say so where that is over before they are given out. */
  life: number;
  close(): Promise<void>;
}

/**
 * Starts a token server as distribution trusts it (its token authentication specification): signed JSON Web Tokens for
 * the one user, good for `seconds` at first. Who shows no credentials gets none.
 */
export async function startJwtServer(
  files: CertificateFiles,
  user: { readonly name: string; readonly password: string },
  seconds: number,
): Promise<JwtServer> {
  const key = createPrivateKey(readFileSync(files.key));
  const certificate = new X509Certificate(readFileSync(files.certificate)).raw.toString("base64");
  const expected = `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`;
  let issued = 0;
  const server = createServer((request, response) => {
    if (request.headers.authorization !== expected)
      return refuse(response, 401, "UNAUTHORIZED", "wrong user or password");
    issued++;
    const { searchParams } = new URL(request.url ?? "/", "http://tokens");
    const access = searchParams.getAll("scope").flatMap((scopes) => scopes.split(" ").map(accessOf));
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: TOKEN_NAMES.issuer,
      aud: TOKEN_NAMES.service,
      sub: user.name,
      jti: randomUUID(),
      nbf: now - 120,
      iat: now,
      exp: now + jwt.life,
      access,
    };
    const unsigned = [{ typ: "JWT", alg: "RS256", x5c: [certificate] }, claims].map(encode).join(".");
    const signature = sign("sha256", Buffer.from(unsigned), key).toString("base64url");
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      JSON.stringify({ token: `${unsigned}.${signature}`, ...(jwt.life > 0 ? { expires_in: jwt.life } : {}) }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const jwt: JwtServer = {
    realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    issued: () => issued,
    life: seconds,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return jwt;
}

function accessOf(scope: string) {
  const [type, name, actions = ""] = scope.split(":");
  return { type, name, actions: actions.split(",") };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
