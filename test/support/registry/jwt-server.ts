import { createPrivateKey, type KeyObject, randomUUID, sign, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { refuse } from "../../../support/registry/memory-registry.ts";
import { closeServer, listen } from "../../../support/registry/server.ts";
import type { CertificateFiles } from "./certificates.ts";

/** The names of the token server and of its registry. */
export const TOKEN_NAMES = { service: "registry of a test", issuer: "token server of a test" } as const;

/** The only user of a token server. */
export interface TokenUser {
  readonly name: string;
  readonly password: string;
}

/** A token server that signs JSON Web Tokens. */
export interface JwtServer {
  readonly realm: string;
  /** The number of issued tokens. */
  readonly issued: () => number;
  /**
   * The lifetime of new tokens, in seconds. A test can change this number at any time. If the number is not positive,
   * the server's response does not contain the lifetime.
   */
  life: number;
  close(): Promise<void>;
}

/**
 * Starts a token server that follows the token authentication specification of distribution. The server issues signed
 * JSON Web Tokens to one user. The tokens have a life of `seconds` seconds until a test changes `life`. Requests
 * without the user's credentials get no token.
 */
export async function startJwtServer(files: CertificateFiles, user: TokenUser, seconds: number): Promise<JwtServer> {
  const key = createPrivateKey(readFileSync(files.key));
  const certificate = new X509Certificate(readFileSync(files.certificate)).raw.toString("base64");
  const expected = `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`;
  let issued = 0;
  const server = createServer((request, response) => {
    if (request.headers.authorization !== expected)
      return refuse(response, 401, "UNAUTHORIZED", "wrong user or password");
    issued++;
    const { searchParams } = new URL(request.url ?? "/", "http://tokens");
    const token = signToken(claimsFor(user.name, searchParams.getAll("scope"), jwt.life), certificate, key);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ token, ...(jwt.life > 0 ? { expires_in: jwt.life } : {}) }));
  });
  const jwt: JwtServer = {
    realm: `http://${await listen(server)}/token`,
    issued: () => issued,
    life: seconds,
    close: () => closeServer(server),
  };
  return jwt;
}

function claimsFor(user: string, scopes: readonly string[], life: number) {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: TOKEN_NAMES.issuer,
    aud: TOKEN_NAMES.service,
    sub: user,
    jti: randomUUID(),
    nbf: now - 120,
    iat: now,
    exp: now + life,
    access: scopes.flatMap((scope) => scope.split(" ").map(accessOf)),
  };
}

function signToken(claims: object, certificate: string, key: KeyObject): string {
  const unsigned = [{ typ: "JWT", alg: "RS256", x5c: [certificate] }, claims].map(encode).join(".");
  return `${unsigned}.${sign("sha256", Buffer.from(unsigned), key).toString("base64url")}`;
}

function accessOf(scope: string) {
  const [type, name, actions = ""] = scope.split(":");
  return { type, name, actions: actions.split(",") };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
