import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A running link. */
export interface SlowLink {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  close(): Promise<void>;
}

/** Starts a link to `upstream` (host and port) that takes so many bytes a second from each connection, and gives back at full speed. */
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
    void slowly(near, far, bytesPerSecond);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function slowly(near: Socket, far: Socket, bytesPerSecond: number): Promise<void> {
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
