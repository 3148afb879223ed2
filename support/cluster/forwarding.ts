import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import type { Node } from "./node.ts";

/**
 * Forwards a free port of the loopback interface to an address inside a node. `address` has the form HOST:PORT. Returns
 * the port. The port is open until the node stops. `name` is a part of the name of the log.
 */
export async function forwardInto(node: Node, name: string, address: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const script = join(import.meta.dirname, "forward.ts");
  const child = node.start(`forward-${name}`, [process.execPath, script, ...address.split(":")], true);
  await new Promise<void>((resolve, reject) => {
    child.once("message", () => resolve());
    child.once("exit", (code) => reject(new Error(`the forwarder exited with ${code}`)));
    child.send("listen", server);
  });
  child.disconnect();
  // This process no longer needs the socket, because the forwarder has its own copy.
  server.close();
  return port;
}
