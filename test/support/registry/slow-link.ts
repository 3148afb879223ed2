import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { listen } from "../../../support/registry/server.ts";

/** A slow network link. */
export interface SlowLink {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Starts a link to `upstream` (host and port). On each connection, the link slows down the requests, but not the
 * responses.
 */
export async function startSlowLink(upstream: string, bytesPerSecond: number): Promise<SlowLink> {
  const [host = "", port] = upstream.split(":");
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect({ host, port: Number(port) });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {
        near.destroy();
        far.destroy();
      });
    }
    far.pipe(near);
    void forwardSlowly(near, far, bytesPerSecond);
  });
  return {
    address: await listen(server),
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function forwardSlowly(near: Socket, far: Socket, bytesPerSecond: number): Promise<void> {
  try {
    for await (const chunk of near) {
      far.write(chunk as Buffer);
      await sleep(((chunk as Buffer).length / bytesPerSecond) * 1000);
    }
    far.end();
  } catch {
    far.destroy();
  }
}
