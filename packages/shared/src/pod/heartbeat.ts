import { constants } from "node:fs";
import { rm } from "node:fs/promises";
import type { Log } from "../cli/log.ts";
import { reasonOf, systemCode, ToolError } from "../cli/tool-error.ts";
import { openRegular } from "../fs/regular-file.ts";
import { uniqueName } from "../fs/unique-name.ts";
import type { Lease, LeaseState } from "./lease.ts";

/** How often a heartbeat is changed, in milliseconds. */
const BEAT = 2000;

/** The longest heartbeat that is read, in bytes: as much of a longer one counts. */
const MAX_BEAT_BYTES = 256;

/** A heartbeat that is seen unchanged for this long belongs to a holder that died, in milliseconds. */
export const SILENCE = 30_000;

/** What a watcher of a heartbeat remembers between two looks. */
export interface SeenBeat {
  readonly text: string;
  /** When this text was seen first, by the watcher's own steady clock, in milliseconds. */
  readonly since: number;
}

/**
 * Holds a lease by a file that changes all the time, for volumes without sockets (docs/protocol.md, "The lease"). It is
 * changed in place: that needs no space on a volume that is full. Throws `cannotCreate`, naming the file.
 */
export async function holdHeartbeat(path: string, warn: Log, interval: number = BEAT): Promise<Lease> {
  const holder = uniqueName();
  let beats = 0;
  const beat = async () => {
    const anew = beats === 0 ? constants.O_CREAT | constants.O_TRUNC : 0;
    const file = await openRegular(path, constants.O_WRONLY | anew);
    try {
      await file.write(`${holder} ${String(beats++).padStart(12, "0")}\n`, 0);
      await file.chmod(0o644);
      await file.datasync();
    } finally {
      await file.close();
    }
  };
  try {
    await beat();
  } catch (error) {
    throw new ToolError("cannotCreate", `cannot write the heartbeat ${path}`, { why: reasonOf(error), cause: error });
  }
  let running: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(beat).catch((error) => warn(`cannot write the heartbeat ${path}: ${reasonOf(error)}`));
  }, interval);
  return {
    release: async () => {
      clearInterval(timer);
      await running;
      await rm(path, { force: true });
    },
  };
}

/** A heartbeat's text; undefined where there is none. Throws `noInput`, naming the file, for one that can't be read. */
export async function readHeartbeat(path: string): Promise<string | undefined> {
  try {
    await using file = await openRegular(path, constants.O_RDONLY);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BEAT_BYTES), 0);
    return buffer.toString("utf8", 0, bytesRead);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw new ToolError("noInput", `cannot read the heartbeat ${path}`, { why: reasonOf(error), cause: error });
  }
}

/**
 * What a heartbeat's text says, given what was seen before: a change means life, whatever clock its holder has. `now` is
 * the watcher's own steady clock, in milliseconds. Pure.
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
