import { chmod, stat } from "node:fs/promises";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import type { Log } from "../cli/log.ts";
import { ToolError } from "../cli/tool-error.ts";
import { placeAtomically } from "../fs/atomic-file.ts";
import { removeFile } from "../fs/remove-file.ts";
import { reasonOf, systemCode } from "../fs/system-error.ts";
import { holdHeartbeat, isBeating, watchHeartbeat } from "./heartbeat.ts";
import type { Lease, LeaseState } from "./lease-state.ts";
import { withSocketAddress } from "./socket-address.ts";

/** Watches a lease that another process holds. */
export interface LeaseWatcher {
  readonly path: string;
  /** Returns the current state of the lease. Throws `noInput` with the path if the state cannot be read. */
  state(): Promise<LeaseState>;
  /**
   * If the lease is a socket, calls `report` when the holder dies or releases the lease. If the lease is a heartbeat
   * file, never calls `report`. Returns a function that stops the reports.
   */
  onEnd(report: () => void): () => void;
  close(): void;
}

/**
 * Returns the path of a lease's heartbeat file. `path` is the path of the lease's socket. The heartbeat file has the
 * extension `.txt` instead of `.sock`.
 */
export function heartbeatPath(path: string): string {
  return `${path.replace(/\.sock$/, "")}.txt`;
}

/**
 * Whether the holder of the lease at `path` is alive. If there is a heartbeat file instead of a socket, this check
 * takes up to five seconds. Throws `noInput` with the path if the lease cannot be checked.
 */
export async function isHeld(path: string): Promise<boolean> {
  if ((await identity(path)) === undefined) return isBeating(heartbeatPath(path));
  const answer = await connect(path);
  if (typeof answer === "string") return false;
  answer.destroy();
  return true;
}

/**
 * Throws `cannotCreate` if a living process holds the lease at `path`. Two launchers or two sidecars on one volume
 * would overwrite each other's files. `holder` is the name of the process in the message.
 */
export async function requireFree(path: string, holder: "launcher" | "sidecar"): Promise<void> {
  if (!(await isHeld(path))) return;
  const hint = `use a separate volume for each ${holder}, or set --share to a separate folder`;
  throw new ToolError("cannotCreate", `another ${holder} already uses the folder ${dirname(path)}`, { hint });
}

/**
 * Takes the lease at `path`, and replaces the lease of a dead process. A lease is a Unix socket that every user may
 * connect to. The kernel closes the socket when the process dies (docs/protocol.md, "The leases"). If this function
 * cannot create a socket, it logs a warning and creates a heartbeat file instead. Throws `cannotCreate` if it cannot
 * create this file either.
 */
export async function holdLease(path: string, warn: Log): Promise<Lease> {
  let server: Server;
  try {
    server = await listen(path);
  } catch (error) {
    // Removes the socket of an earlier holder. Otherwise, a watcher would find the old socket, and conclude that the
    // new holder has ended.
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
    // A watcher keeps its connection open until this process ends. But an open connection keeps this process alive.
    // Therefore, this process closes each connection that arrives after the release of the lease.
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
      // This function does not wait until the server is closed, because the lease is already released at this point.
      server.close();
    },
  };
}

/**
 * Returns a watcher for the lease at `path`. The watcher uses the socket or the heartbeat file of the lease. The
 * watcher does nothing before the first call of `state`.
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
    // If the holder has already ended, the socket is destroyed, and Node has possibly emitted the event "close" before
    // this function listens for it. Therefore, this function reads the state again.
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

/**
 * Creates the socket of a lease. The process first listens on a socket with a temporary name, and then renames this
 * socket to `path`. Therefore, if a watcher finds a socket at `path`, the process is already listening.
 */
async function listen(path: string): Promise<Server> {
  const server = createServer();
  try {
    await placeAtomically(path, async (temporary) => {
      await withSocketAddress(temporary, (address) => {
        return new Promise<void>((resolve, reject) => {
          // If the variable NODE_UNIQUE_ID is set, Node assumes that a primary process listens on behalf of this
          // process. But no primary process exists. If `exclusive` is true, Node listens in this process.
          server.once("error", reject).listen({ path: address, exclusive: true }, resolve);
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
    await removeFile(path);
  } catch (error) {
    throw new ToolError("cannotCreate", `cannot remove ${path}`, { why: reasonOf(error), cause: error });
  }
}

/**
 * Returns the identity of the file at a path. Returns undefined if the file is missing. A new file at the same path has
 * a different identity.
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
          // An error of an established connection needs no handling here. After such an error, Node emits the event
          // "close", and the listener of "close" reports the end of the lease.
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
  return new ToolError("noInput", `cannot connect to the lease socket ${path}`, { why: reasonOf(error), cause: error });
}
