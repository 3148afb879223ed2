import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolders } from "shared/fs/folders";
import { writing } from "shared/fs/path-failure";
import { removeTree } from "shared/fs/remove-tree";
import { uniqueName } from "shared/fs/unique-name";

/** The prefix of the names of staging folders. A pull collects its files in a staging folder. */
const PREFIX = ".oras-push-";

/** The time between two heartbeats of a pull, in milliseconds. */
const HEARTBEAT = 60_000;

/** A pull counts as dead after this number of milliseconds without a heartbeat. */
const STALE = 15 * HEARTBEAT;

/**
 * Creates a staging folder below `folder`, and removes the staging folders of dead pulls. Then calls `act` with the new
 * folder. Removes the new folder when `act` has ended. A pull in this PID namespace is dead if its process has ended.
 * Any other pull is dead if its heartbeats have stopped. Throws `cannotCreate` if the new folder cannot be created.
 */
export async function withStaging<T>(folder: string, act: (staging: string) => Promise<T>): Promise<T> {
  const owner = ownName();
  const staging = join(folder, `${PREFIX}${owner}${uniqueName()}`);
  writing(staging, () => makeFolders(staging));
  const heartbeat = setInterval(() => touch(staging), HEARTBEAT).unref();
  try {
    removeDead(folder, staging);
    return await act(staging);
  } finally {
    clearInterval(heartbeat);
    removeTree(staging);
  }
}

/** Removes the staging folders of dead pulls. Skips each folder whose removal fails. */
function removeDead(folder: string, staging: string): void {
  // The current time comes from the file system, because the file system may be on a machine with another clock.
  const now = lstatSync(staging).mtimeMs;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (path === staging || !name.startsWith(PREFIX)) continue;
    try {
      if (isDead(path, name, now)) removeTree(path);
    } catch {
      // This error is normal if another pull removes the same folder at the same time.
    }
  }
}

function isDead(path: string, name: string, now: number): boolean {
  const stats = lstatSync(path);
  if (!stats.isDirectory()) return false;
  const [space, process, start] = name.slice(PREFIX.length).split("-");
  if (space !== undefined && start !== undefined && space === processSpace()) return startOf(process ?? "") !== start;
  return now - stats.mtimeMs > STALE;
}

/** Returns an identifier of this process, with a dash at the end. Returns an empty string if /proc is missing. */
function ownName(): string {
  const space = processSpace();
  const start = startOf(String(process.pid));
  return space === undefined || start === undefined ? "" : `${space}-${process.pid}-${start}-`;
}

/**
 * Returns an identifier of the boot and the PID namespace. A PID is unique only within one boot and one PID namespace.
 * Returns undefined if the identifier cannot be read.
 */
function processSpace(): string | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8);
    return `${boot}.${readlinkSync("/proc/self/ns/pid").replace(/\D/g, "")}`;
  } catch {
    return undefined;
  }
}

/**
 * Returns the start time of a process, in clock ticks since the boot (proc(5), /proc/pid/stat, field 22). Returns
 * undefined if the process has ended.
 */
function startOf(process: string): string | undefined {
  try {
    const text = readFileSync(`/proc/${process}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function touch(path: string): void {
  try {
    // A new file updates the modification time of its folder. The new time comes from the clock of the file system.
    const sign = join(path, "alive");
    writeFileSync(sign, "");
    rmSync(sign);
  } catch {
    // Ignores the error. If the staging folder is missing, the pull itself fails.
  }
}
