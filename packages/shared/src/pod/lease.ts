import { chmod, rm, stat } from "node:fs/promises";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import type { Log } from "../cli/log.ts";
import { ToolError } from "../cli/tool-error.ts";
import { placeAtomically } from "../fs/atomic-file.ts";
import { reasonOf, systemCode } from "../fs/system-error.ts";
import { holdHeartbeat, watchHeartbeat } from "./heartbeat.ts";
import type { Lease, LeaseState } from "./lease-state.ts";
import { withSocketAddress } from "./socket-address.ts";

/** Watches a lease that another process holds. */
export interface LeaseWatcher {
  readonly path: string;
  /** The lease's state now. Throws `noInput` with the path if the state cannot be read. */
  state(): Promise<LeaseState>;
  /** Calls `report` when a held lease ends. Returns a function that stops the reports. */
  onEnd(report: () => void): () => void;
  close(): void;
}

/** The path of the heartbeat that replaces a lease's socket. It has the same name with the extension `.txt`. */
export function heartbeatPath(path: string): string {
  return `${path.replace(/\.sock$/, "")}.txt`;
}

/**
 * Takes the lease at `path`, and replaces the lease of a dead process. A lease is a Unix socket that every user may
 * connect to; the kernel closes it whenever the process dies (docs/protocol.md, "The leases"). If no socket can be
 * created, a heartbeat file replaces it, with a warning. Throws `cannotCreate` if neither can be created.
 */
export async function holdLease(path: string, warn: Log): Promise<Lease> {
  let server: Server;
  try {
    server = await listen(path);
  } catch (error) {
    // If the socket of an earlier holder remained, a watcher would conclude that this holder has ended.
    await removeOld(path);
    const lease = await holdHeartbeat(heartbeatPath(path), warn);
    warn(`cannot create a socket at ${path} (${reasonOf(error)}): using a heartbeat file instead`);
    return lease;
  }
  await removeOld(heartbeatPath(path));
  return socketLease(path, server);
}

function socketLease(path: string, server: Server): Lease {
  const watchers = new Set<Socket>();
  let released = false;
  server.on("connection", (socket) => {
    // A connection after the release would keep this process alive, while its watcher waits for the end of this process.
    if (released) return void socket.destroy();
    watchers.add(socket);
    // The holder ignores watchers that disconnect.
    socket.on("error", () => {}).on("close", () => watchers.delete(socket));
    socket.resume();
  });
  return {
    release: async () => {
      await removeOld(path);
      released = true;
      for (const socket of watchers) socket.destroy();
      // This does not wait for the watchers, because each of them waits for the end of this process.
      server.close();
    },
  };
}

/**
 * Watches the lease at `path`, through its socket or its heartbeat file. Does nothing before the first call of `state`.
 */
export function watchLease(path: string): LeaseWatcher {
  const reports = new Set<() => void>();
  const heartbeat = watchHeartbeat(heartbeatPath(path));
  let connection: { readonly socket: Socket; readonly id: string } | undefined;
  const ended = () => {
    connection = undefined;
    for (const report of reports) report();
  };
  const state = async (): Promise<LeaseState> => {
    if (connection !== undefined) return { kind: "held", id: connection.id };
    const id = await identity(path);
    if (id === undefined) return heartbeat();
    const answer = await connect(path);
    if (answer === "refused") return { kind: "ended", id };
    // The socket is destroyed if the holder ended before the listener below was added.
    if (answer === "gone" || answer.destroyed) return state();
    connection = { socket: answer.once("close", ended), id };
    return { kind: "held", id };
  };
  return {
    path,
    state,
    onEnd: (report) => {
      reports.add(report);
      return () => reports.delete(report);
    },
    close: () => {
      connection?.socket.off("close", ended).destroy();
      connection = undefined;
    },
  };
}

/** Listens before the socket gets its name, so that every watcher that finds the name can connect. */
async function listen(path: string): Promise<Server> {
  const server = createServer();
  try {
    await placeAtomically(path, async (temporary) => {
      await withSocketAddress(temporary, (address) => {
        return new Promise<void>((resolve, reject) => {
          server.once("error", reject).listen(address, resolve);
        });
      });
      await chmod(temporary, 0o666);
    });
    return server;
  } catch (error) {
    server.close();
    throw error;
  }
}

async function removeOld(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    throw new ToolError("cannotCreate", `cannot remove ${path}`, { why: reasonOf(error), cause: error });
  }
}

/**
 * The identity of a file; undefined if the file is missing. A file that replaces this file has a different identity.
 */
async function identity(path: string): Promise<string | undefined> {
  try {
    const { ino, ctimeNs } = await stat(path, { bigint: true });
    return `${ino} ${ctimeNs}`;
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw cannotConnect(path, error);
  }
}

async function connect(path: string): Promise<Socket | "refused" | "gone"> {
  try {
    return await withSocketAddress(path, (address) => {
      return new Promise<Socket>((resolve, reject) => {
        const socket = createConnection(address);
        socket.once("error", reject).once("connect", () => {
          // A later error needs no handling: the event "close" follows, which ends the lease.
          socket.off("error", reject).on("error", () => {});
          resolve(socket.resume());
        });
      });
    });
  } catch (error) {
    const code = systemCode(error);
    if (code === "ECONNREFUSED" || code === "ECONNRESET") return "refused";
    if (code === "ENOENT") return "gone";
    throw cannotConnect(path, error);
  }
}

function cannotConnect(path: string, error: unknown): ToolError {
  return new ToolError("noInput", `cannot connect to the lease ${path}`, { why: reasonOf(error), cause: error });
}
