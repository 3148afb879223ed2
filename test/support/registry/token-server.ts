import { createServer, type IncomingMessage } from "node:http";
import { type Interceptor, refuse } from "../../../support/registry/memory-registry.ts";
import { closeServer, listen } from "../../../support/registry/server.ts";

/** A request for a token. */
export interface TokenQuery {
  readonly method: string;
  readonly authorization: string | undefined;
  /** The parameters of the request. They are in the query or in a form. */
  readonly parameters: URLSearchParams;
}

/** A token server (distribution's token specification). */
export interface TokenServer {
  /** The realm. */
  readonly url: string;
  /** All requests, in their order. */
  readonly queries: readonly TokenQuery[];
  /** The valid tokens. A test deletes a token to revoke it. */
  readonly valid: Set<string>;
  /**
   * Intercepts the requests of a registry. If a request has no valid token of this server, answers with a challenge for
   * such a token.
   */
  readonly gate: Interceptor;
  close(): Promise<void>;
}

/** How to issue tokens. */
export interface TokenOptions {
  /** The required `Authorization` header. By default, no header is required. */
  readonly authorization?: string;
  /** The life of each token, in seconds, as the response states it. By default, the response states no life. */
  readonly expiresIn?: number;
  /** The response's field that contains the token. The default is `token`. */
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
  const url = `http://${await listen(server)}/token`;
  return { url, queries, valid, gate: gateFor(url, valid), close: () => closeServer(server) };
}

function gateFor(url: string, valid: ReadonlySet<string>): Interceptor {
  return (request, response) => {
    const token = request.headers.authorization?.replace(/^Bearer /, "");
    if (token !== undefined && valid.has(token)) return false;
    request.resume();
    response.setHeader("www-authenticate", `Bearer realm="${url}",service="registry, of tests"`);
    refuse(response, 401, "UNAUTHORIZED", "authentication required");
    return true;
  };
}

async function queryOf(request: IncomingMessage): Promise<TokenQuery> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const query = new URL(request.url ?? "/", "http://tokens").searchParams;
  const parameters = request.method === "POST" ? new URLSearchParams(Buffer.concat(chunks).toString()) : query;
  return { method: request.method ?? "", authorization: request.headers.authorization, parameters };
}
