/**
 * Forwards connections from outside of the node to an address inside the node. Runs inside the node:
 *
 *   node forward.ts HOST PORT
 *
 * A process outside of the node creates the listening socket, and sends it to this process in a message. A socket stays
 * in the network namespace in which it was created. Therefore, no network device between the namespaces is necessary.
 */
import { connect, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream";

const [host = "", port = ""] = process.argv.slice(2);

process.once("message", (_, handle) => {
  (handle as Server).on("connection", (socket: Socket) => {
    const target = connect(Number(port), host);
    for (const [from, to] of [
      [socket, target],
      [target, socket],
    ] as const)
      pipeline(from, to, () => {});
  });
  process.send?.("listening");
});
