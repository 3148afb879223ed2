import { chmod, rename, rm, stat } from "node:fs/promises";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import type { Log } from "../cli/log.ts";
import { reasonOf, systemCode, ToolError } from "../cli/tool-error.ts";
import { temporaryBeside } from "../fs/unique-name.ts";
import { heartbeatState, holdHeartbeat, readHeartbeat, type SeenBeat } from "./heartbeat.ts";
import { withSocketAddress } from "./socket-address.ts";

/** A lease that is held; one that is not released ends with its holder's process. */
export interface Lease {
  /** Gives the lease back: from now on there is none, as before it was taken. */
  release(): Promise<void>;
}

/**
 * What can be known of a lease: nobody holds it and nobody left it, a live process holds it, or its holder ended without
 * giving it back. `id` names the taking: another one has another id.
 */
export type LeaseState =
  | { readonly kind: "none" }
  | { readonly kind: "held"; readonly id: string }
  | { readonly kind: "ended"; readonly id: string };

/** Watches a lease that others hold. */
export interface LeaseWatcher {
  readonly path: string;
  /** The lease's state now. Throws `noInput`, naming the path, where that can't be known. */
  state(): Promise<LeaseState>;
  /** Calls `report` when a lease that was seen held has ended; gives how to stop that. */
  onEnd(report: () => void): () => void;
  close(): void;
}

/** Where the heartbeat is that stands for a lease whose socket can't be made: beside it, with the ending `.txt`. */
export function heartbeatPath(path: string): string {
  return `${path.replace(/\.sock$/, "")}.txt`;
}

/**
 * Takes the lease at `path`, in the place of one that a dead process left: a Unix socket that everyone may connect to,
 * which the kernel closes whatever the process dies of (docs/protocol.md, "The lease"). Where no socket can be made, a
 * heartbeat file stands in, and `warn` is told. Throws `cannotCreate` where neither can be made.
 */
export async function holdLease(path: string, warn: Log): Promise<Lease> {
  let server: Server;
  try {
    server = await listen(path);
  } catch (error) {
    // What an earlier holder left would be taken for this one's end.
    await removeOld(path);
    const lease = await holdHeartbeat(heartbeatPath(path), warn);
    warn(`no socket can be made at ${path} (${reasonOf(error)}): a heartbeat file stands in`);
    return lease;
  }
  await removeOld(heartbeatPath(path));
  const watchers = new Set<Socket>();
  let released = false;
  server.on("connection", (socket) => {
    // One that was on its way when the lease was given back would keep the holder, and itself wait for the holder's end.
    if (released) return void socket.destroy();
    watchers.add(socket);
    // A watcher that goes away, however, is none of the holder's business.
    socket.on("error", () => {}).on("close", () => watchers.delete(socket));
    socket.resume();
  });
  return {
    release: async () => {
      await removeOld(path);
      released = true;
      for (const socket of watchers) socket.destroy();
      // Nobody waits for the last watcher to be gone: it waits for this process.
      server.close();
    },
  };
}

/** Watches the lease at `path`, by its socket or by the heartbeat that stands for it. Nothing is done until it is asked. */
export function watchLease(path: string): LeaseWatcher {
  const reports = new Set<() => void>();
  let connection: { readonly socket: Socket; readonly id: string } | undefined;
  let beat: SeenBeat | undefined;
  const ended = () => {
    connection = undefined;
    for (const report of reports) report();
  };
  const ask = async (): Promise<LeaseState> => {
    if (connection !== undefined) return { kind: "held", id: connection.id };
    const id = await identity(path);
    if (id === undefined) {
      const found = heartbeatState(beat, await readHeartbeat(heartbeatPath(path)), performance.now());
      beat = found.seen;
      return found.state;
    }
    const answer = await connect(path);
    if (answer === "gone") return ask();
    if (answer === "refused") return { kind: "ended", id };
    // It may have ended before anyone listened.
    if (answer.destroyed) return ask();
    connection = { socket: answer, id };
    answer.once("close", ended);
    return { kind: "held", id };
  };
  return {
    path,
    state: ask,
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

/** Whether two states are of one and the same lease. */
export function sameLease(one: LeaseState, other: LeaseState): boolean {
  if (one.kind !== other.kind) return false;
  return one.kind === "none" || one.id === (other as { id: string }).id;
}

/** Listens before the name is there, so that whoever finds it is answered: the socket appears by rename, open to all. */
async function listen(path: string): Promise<Server> {
  const temporary = temporaryBeside(path);
  const server = createServer();
  try {
    await withSocketAddress(temporary, (address) => {
      return new Promise<void>((resolve, reject) => {
        server.once("error", reject).listen(address, resolve);
      });
    });
    await chmod(temporary, 0o666);
    await rename(temporary, path);
    return server;
  } catch (error) {
    server.close();
    await rm(temporary, { force: true });
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

/** What tells the file at `path` from one that takes its place; undefined where there is none. */
async function identity(path: string): Promise<string | undefined> {
  try {
    const { ino, ctimeNs } = await stat(path, { bigint: true });
    return `${ino} ${ctimeNs}`;
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw unknowable(path, error);
  }
}

async function connect(path: string): Promise<Socket | "refused" | "gone"> {
  try {
    return await withSocketAddress(path, (address) => {
      return new Promise<Socket>((resolve, reject) => {
        const socket = createConnection(address);
        socket.once("error", reject).once("connect", () => {
          // An error after this is an end like any other: "close" follows.
          socket.off("error", reject).on("error", () => {});
          resolve(socket.resume());
        });
      });
    });
  } catch (error) {
    const code = systemCode(error);
    if (code === "ECONNREFUSED" || code === "ECONNRESET") return "refused";
    if (code === "ENOENT") return "gone";
    throw unknowable(path, error);
  }
}

function unknowable(path: string, error: unknown): ToolError {
  return new ToolError("noInput", `cannot connect to the lease ${path}`, { why: reasonOf(error), cause: error });
}
