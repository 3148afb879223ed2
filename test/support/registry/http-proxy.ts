import { createServer, request as send } from "node:http";
import { type AddressInfo, connect } from "node:net";

/** A running proxy of HTTP. */
export interface HttpProxy {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** What it was asked for, in its order: a method, then a URL, or a host and port for CONNECT. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/**
 * Starts a proxy that takes requests with a whole URL and tunnels (RFC 9110, sections 7.1 and 9.3.6). Whatever host they
 * name, all end at `upstream` (host and port), so that tests need no names. With `user` (`NAME:PASSWORD`) it wants that.
 */
export async function startHttpProxy(upstream: string, user?: string): Promise<HttpProxy> {
  const requests: string[] = [];
  const [host = "", port] = upstream.split(":");
  const wanted = user === undefined ? undefined : `Basic ${Buffer.from(user).toString("base64")}`;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const { "proxy-authorization": authorization, ...headers } = request.headers;
    if (authorization !== wanted) return response.writeHead(407, { "proxy-authenticate": "Basic" }).end();
    const { pathname, search } = new URL(request.url ?? "", "http://nowhere");
    const onward = send({ host, port, method: request.method, path: pathname + search, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    return request.pipe(onward);
  });
  server.on("connect", (request, socket) => {
    requests.push(`CONNECT ${request.url}`);
    if (request.headers["proxy-authorization"] !== wanted)
      return socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    const onward = connect({ host, port: Number(port) }, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    onward.on("error", () => socket.destroy());
    return socket.on("error", () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
