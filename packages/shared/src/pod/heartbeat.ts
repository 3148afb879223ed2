import { constants } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../cli/log.ts";
import { cannotRead, cannotWrite } from "../fs/path-failure.ts";
import { openRegular } from "../fs/regular-file.ts";
import { removeFile } from "../fs/remove-file.ts";
import { reasonOf, systemCode } from "../fs/system-error.ts";
import { uniqueName } from "../fs/unique-name.ts";
import type { Lease, LeaseState, ReadLease } from "./lease-state.ts";

/** Milliseconds between two beats. */
const BEAT_INTERVAL = 2000;

/** The maximum number of bytes that are read from a heartbeat file. */
const MAX_BEAT_BYTES = 256;

/** If a heartbeat does not change for this number of milliseconds, the holder of the lease counts as dead. */
export const SILENCE = 30_000;

/** The last change that a watcher saw in a heartbeat. */
export interface SeenBeat {
  readonly text: string;
  /** The time when the watcher first saw `text`, in milliseconds of the watcher's monotonic clock. */
  readonly since: number;
}

/**
 * Holds a lease on a volume that does not support sockets. To show that the holder is alive, this function changes a
 * file at regular intervals (docs/protocol.md, "The leases"). Overwrites the file in place, because this kind of write
 * works even on a full volume. Throws `cannotCreate` with the path if the first write fails. Only warns if a later
 * write fails.
 */
export async function holdHeartbeat(path: string, warn: Log, interval: number = BEAT_INTERVAL): Promise<Lease> {
  const beat = heartbeatWriter(path);
  await beat().catch((error) => {
    throw cannotWrite(`the heartbeat ${path}`, error);
  });
  let running: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(beat).catch((error) => warn(`cannot write the heartbeat ${path}: ${reasonOf(error)}`));
  }, interval);
  return {
    release: async () => {
      clearInterval(timer);
      await running;
      await removeFile(path);
    },
  };
}

/** Returns a function that writes the next beat. The first beat creates the file. */
function heartbeatWriter(path: string): () => Promise<void> {
  const holder = uniqueName();
  let beats = 0;
  return async () => {
    const creation = beats === 0 ? constants.O_CREAT | constants.O_TRUNC : 0;
    await using file = await openRegular(path, constants.O_WRONLY | creation);
    await file.write(`${holder} ${String(beats++).padStart(12, "0")}\n`, 0);
    await file.chmod(0o644);
    await file.datasync();
  };
}

/** A living holder changes its heartbeat at least once in this number of milliseconds. */
const CHANGE_TIME = 2.5 * BEAT_INTERVAL;

/**
 * Returns true if the heartbeat file at `path` changes within five seconds. Returns false at once if the file is
 * missing. Throws `noInput` with the path if the file cannot be read.
 */
export async function isBeating(path: string): Promise<boolean> {
  const first = await readHeartbeat(path);
  if (first === undefined) return false;
  const end = performance.now() + CHANGE_TIME;
  while (performance.now() < end) {
    await sleep(BEAT_INTERVAL / 10);
    if ((await readHeartbeat(path)) !== first) return true;
  }
  return false;
}

/**
 * Watches a lease through its heartbeat file. Returns a function that reads the state of the lease. That function
 * throws `noInput` with the path if the file cannot be read.
 */
export function watchHeartbeat(path: string): ReadLease {
  let last: SeenBeat | undefined;
  return async () => {
    const { seen, state } = heartbeatState(last, await readHeartbeat(path), performance.now());
    last = seen;
    return state;
  };
}

/**
 * Returns the text of a heartbeat. Returns undefined if the file is missing. Throws `noInput` with the path if the file
 * cannot be read.
 */
async function readHeartbeat(path: string): Promise<string | undefined> {
  try {
    await using file = await openRegular(path, constants.O_RDONLY);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BEAT_BYTES), 0);
    return buffer.toString("utf8", 0, bytesRead);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw cannotRead(`the heartbeat ${path}`, error);
  }
}

/**
 * Derives the state of a lease from two observations. `text` is the current content of the heartbeat file, and `seen`
 * is the previous observation. If the text has changed, the holder is alive. The clock of the holder is not used. `now`
 * is the time on the watcher's monotonic clock, in milliseconds. This function is pure.
 */
export function heartbeatState(
  seen: SeenBeat | undefined,
  text: string | undefined,
  now: number,
): { readonly seen: SeenBeat | undefined; readonly state: LeaseState } {
  if (text === undefined) return { seen: undefined, state: { kind: "none" } };
  const id = `heartbeat ${text.split(" ", 1)[0]}`;
  if (seen === undefined || seen.text !== text) return { seen: { text, since: now }, state: { kind: "held", id } };
  return { seen, state: { kind: now - seen.since < SILENCE ? "held" : "ended", id } };
}
