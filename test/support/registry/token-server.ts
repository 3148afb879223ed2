import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type Interceptor, refuse } from "../../../support/registry/memory-registry.ts";

/** A request for a token. */
export interface TokenQuery {
  readonly method: string;
  readonly authorization: string | undefined;
  /** The parameters, from the query or from the form. */
  readonly parameters: URLSearchParams;
}

/** A running token server (distribution's token specification). */
export interface TokenServer {
  /** The realm. */
  readonly url: string;
  /** All requests in their order. */
  readonly queries: readonly TokenQuery[];
  /** Every token given out so far; one that is taken out is no longer good. */
  readonly valid: Set<string>;
  /** Put in front of a registry: asks for a token of this server, and refuses what carries none that is good. */
  readonly gate: Interceptor;
  close(): Promise<void>;
}

/** How tokens are given out. */
export interface TokenOptions {
  /** The `Authorization` that is taken; any, and none, by default. */
  readonly authorization?: string;
  /** Seconds that a token is said to be good for; unsaid by default. */
  readonly expiresIn?: number;
  /** The field that carries the token; `token` by default. */
  readonly field?: "token" | "access_token";
}

/** Starts a token server on a free port of the loopback interface. */
export async function startTokenServer(options: TokenOptions = {}): Promise<TokenServer> {
  const queries: TokenQuery[] = [];
  const valid = new Set<string>();
  const server = createServer(async (request, response) => {
    const query = await queryOf(request);
    queries.push(query);
    if (options.authorization !== undefined && query.authorization !== options.authorization)
      return refuse(response, 401, "UNAUTHORIZED", "wrong user or password");
    const token = `secret-token-${queries.length}`;
    valid.add(token);
    const life = options.expiresIn === undefined ? {} : { expires_in: options.expiresIn };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ [options.field ?? "token"]: token, ...life }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return {
    url,
    queries,
    valid,
    gate: (request, response) => {
      const token = request.headers.authorization?.replace(/^Bearer /, "");
      if (token !== undefined && valid.has(token)) return false;
      request.resume();
      response.setHeader("www-authenticate", `Bearer realm="${url}",service="registry, of tests"`);
      refuse(response, 401, "UNAUTHORIZED", "authentication required");
      return true;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function queryOf(request: IncomingMessage): Promise<TokenQuery> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const query = new URL(request.url ?? "/", "http://tokens").searchParams;
  const parameters = request.method === "POST" ? new URLSearchParams(Buffer.concat(chunks).toString()) : query;
  return { method: request.method ?? "", authorization: request.headers.authorization, parameters };
}
