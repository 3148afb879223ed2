import { randomUUID } from "node:crypto";
import { link, readFile, rename, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "shared/cli/tool-error";
import { removeFile } from "shared/fs/remove-file";
import { reasonOf, systemCode } from "shared/fs/system-error";

/** How to wait for a lock. All times are in milliseconds. */
export interface LockTiming {
  /** The mean time between two attempts to take a lock that another process holds. */
  readonly pause: number;
  /**
   * If one process holds a lock for longer than this time, the lock is stale. A waiting process then removes the lock.
   */
  readonly stale: number;
}

/**
 * The default times. A running process holds a lock only for milliseconds. Therefore, a process that holds a lock for
 * ten seconds has died.
 */
export const DEFAULT_TIMING: LockTiming = { pause: 20, stale: 10_000 };

/** A lock that this process holds. */
export interface HeldLock {
  /** Throws {@link LostLockError} if another process considered this lock stale and removed it. */
  check(): Promise<void>;
}

/** This error means that another process removed the lock of this process, because the lock seemed stale. */
export class LostLockError extends Error {
  override readonly name = "LostLockError";
}

/**
 * Calls `act` while this process holds a lock. Only one process at a time can hold the lock, even if several machines
 * share the folder. The lock is a file with a random token of the holder. To detect a stale lock, a waiting process
 * measures how long the token stays unchanged. The waiting process uses only its own clock, because the clocks of two
 * machines may differ. `act` must call `check` right before a step that requires the lock. If `check` finds that
 * another process has removed the lock, this function takes the lock again and repeats `act`. Throws `cannotCreate` if
 * the lock file cannot be created.
 */
export async function withLock<T>(
  path: string,
  act: (lock: HeldLock) => Promise<T>,
  signal: AbortSignal,
  timing: LockTiming = DEFAULT_TIMING,
): Promise<T> {
  for (;;) {
    const token = randomUUID();
    await acquire(path, token, signal, timing);
    try {
      return await act({
        check: async () => {
          if ((await tokenOf(path)) !== token) throw new LostLockError(`the lock ${path} was lost`);
        },
      });
    } catch (error) {
      if (!(error instanceof LostLockError)) throw error;
    } finally {
      if ((await tokenOf(path)) === token) await removeFile(path);
    }
  }
}

async function acquire(path: string, token: string, signal: AbortSignal, { pause, stale }: LockTiming) {
  // This process first writes the token to a separate file, and then links this file to the path of the lock.
  // Therefore, every lock that a process can see contains a token.
  const own = `${path}.${token}`;
  let seen: { readonly token: string | undefined; readonly since: number } | undefined;
  try {
    await writeFile(own, token, { flag: "wx" });
    while (!(await linkLock(own, path))) {
      const now = performance.now();
      const current = await tokenOf(path);
      if (seen === undefined || seen.token !== current) seen = { token: current, since: now };
      else if (current !== undefined && now - seen.since > stale) await removeStale(path, current, own);
      await sleep(pause * (0.5 + Math.random()), undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new ToolError("cannotCreate", `cannot lock ${path}`, { why: reasonOf(error), cause: error });
  } finally {
    await removeFile(own);
  }
}

/** Creates a hard link from `path` to the file `own`. Returns false if `path` already exists. */
async function linkLock(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Removes the stale lock that contains `token`. If `path` now has a different lock, this function keeps that lock. */
async function removeStale(path: string, token: string, own: string): Promise<void> {
  const aside = `${own}.broken`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  // The renamed lock may be the new lock of another process. In this case, `linkLock` restores the new lock. If a third
  // process has already created another lock at `path`, `linkLock` does nothing, and the owner of the renamed lock gets
  // an error from `check`.
  if ((await tokenOf(aside)) !== token) await linkLock(aside, path);
  await removeFile(aside);
}

/** Reads the token of a lock. Returns undefined if no process holds the lock. */
async function tokenOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
