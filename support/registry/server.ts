import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { AddressInfo, Server } from "node:net";

/** Starts a server on the loopback interface, by default on a free port. Returns `127.0.0.1:PORT`. */
export async function listen(server: Server, port = 0): Promise<string> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Stops an HTTP server and closes its connections. */
export function closeServer(server: HttpServer): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/**
 * Calls `add` with the size of each chunk of a body when other code reads the chunk. A listener for `data` would switch
 * the stream to flowing mode. Therefore, this function replaces `emit`.
 */
export function countBody(request: IncomingMessage, add: (bytes: number) => void): void {
  const emit = request.emit;
  request.emit = function (this: IncomingMessage, event: string | symbol, ...rest: unknown[]) {
    if (event === "data") add((rest[0] as Buffer).length);
    return emit.call(this, event, ...rest);
  };
}
