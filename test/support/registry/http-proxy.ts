import { createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { closeServer, listen } from "../../../support/registry/server.ts";

/** An HTTP proxy. */
export interface HttpProxy {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /**
   * The requests that the proxy received, in order. Each entry contains the method and the URL, or CONNECT with a host
   * and a port.
   */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/**
 * Starts a proxy for requests with a complete URL, and for tunnels (RFC 9110, sections 7.1 and 9.3.6). The proxy sends
 * all requests to `upstream` (host and port), whatever host a request names. So tests need no DNS. If `user`
 * (`NAME:PASSWORD`) is given, the proxy requires this user.
 */
export async function startHttpProxy(upstream: string, user?: string): Promise<HttpProxy> {
  const requests: string[] = [];
  const required = user === undefined ? undefined : `Basic ${Buffer.from(user).toString("base64")}`;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (request.headers["proxy-authorization"] === required) return forward(upstream, request, response);
    return response.writeHead(407, { "proxy-authenticate": "Basic" }).end();
  });
  server.on("connect", (request, socket) => {
    requests.push(`CONNECT ${request.url}`);
    if (request.headers["proxy-authorization"] === required) return tunnel(upstream, socket);
    return socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
  });
  return { address: await listen(server), requests, close: () => closeServer(server) };
}

function forward(upstream: string, request: IncomingMessage, response: ServerResponse): void {
  const [host = "", port] = upstream.split(":");
  const { "proxy-authorization": _, ...headers } = request.headers;
  const { pathname, search } = new URL(request.url ?? "", "http://nowhere");
  const onward = send({ host, port, method: request.method, path: pathname + search, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.writeHead(502).end());
  request.pipe(onward);
}

function tunnel(upstream: string, socket: Duplex): void {
  const [host = "", port] = upstream.split(":");
  const onward = connect({ host, port: Number(port) }, () => {
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    socket.pipe(onward).pipe(socket);
  });
  onward.on("error", () => socket.destroy());
  socket.on("error", () => onward.destroy());
}
