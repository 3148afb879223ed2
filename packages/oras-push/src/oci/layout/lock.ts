import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf, systemCode } from "shared/fs/system-error";

/** How to wait for a lock; times in milliseconds. */
export interface LockTiming {
  /** The mean time between two attempts to take a lock that another process holds. */
  readonly pause: number;
  /** The time after which a lock that one process holds is stale and is removed. */
  readonly stale: number;
}

/** Processes hold a lock only for milliseconds. A process that holds it for ten seconds has died. */
export const DEFAULT_TIMING: LockTiming = { pause: 20, stale: 10_000 };

/** A lock that this process holds. */
export interface HeldLock {
  /** Throws {@link LostLockError} if another process removed this lock as stale. */
  check(): Promise<void>;
}

/** The error for a lock of this process that another process removed as stale. */
export class LostLockError extends Error {
  override readonly name = "LostLockError";
}

/**
 * Calls `act` while this process holds a lock. Only one process at a time can hold the lock, on this machine or on
 * other machines that share the folder. The lock is a file with the token of its holder, which only one process can
 * create. Waiting processes measure with their own clocks how long the file keeps the same token. `act` calls `check`
 * right before a step that requires the lock. If the lock is lost by then, calls `act` again. Throws `cannotCreate` if
 * the file cannot be created.
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
          if ((await tokenOf(path)) !== token) throw new LostLockError(`${path} was lost`);
        },
      });
    } catch (error) {
      if (!(error instanceof LostLockError)) throw error;
    } finally {
      if ((await tokenOf(path)) === token) await rm(path, { force: true });
    }
  }
}

async function acquire(path: string, token: string, signal: AbortSignal, { pause, stale }: LockTiming) {
  // The file is linked to its path only when it is complete: no process sees a lock without a token.
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
    await rm(own, { force: true });
  }
}

/** Links the lock to its path. Returns false if the path exists. */
async function linkLock(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Removes a stale lock. Restores the lock if another process has taken it in the meantime. */
async function removeStale(path: string, token: string, own: string): Promise<void> {
  const aside = `${own}.broken`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  // If a third process took the lock before it could be restored, its owner notices when it calls `check`.
  if ((await tokenOf(aside)) !== token) await linkLock(aside, path);
  await rm(aside, { force: true });
}

/** The token of a lock; undefined if no process holds it. */
async function tokenOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
