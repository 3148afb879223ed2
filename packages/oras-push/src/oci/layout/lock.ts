import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf, systemCode } from "shared/fs/system-error";

/** How locks are waited for; times in milliseconds. */
export interface LockPatience {
  /** Between two looks at a lock that another holds. */
  readonly pause: number;
  /** A lock that one holder has kept for this long was left behind: it is broken. */
  readonly stale: number;
}

/** A lock is held for some milliseconds: one that is kept for ten seconds has lost its holder. */
export const DEFAULT_PATIENCE: LockPatience = { pause: 20, stale: 10_000 };

/** A lock that is held. */
export interface HeldLock {
  /** Throws {@link LostLockError} where another took this lock for one that was left behind. */
  check(): Promise<void>;
}

/** The lock was held for so long that another broke it. */
export class LostLockError extends Error {
  override readonly name = "LostLockError";
}

/**
 * Does something while a lock file is held, by one process at a time, on this machine or on others that share the folder.
 * The lock is a file that only one can create and that holds its holder's token; how long a token stays is measured by the
 * waiter's own clock. What must not happen without the lock comes right after `check`: where the lock is lost by then, all
 * is done again. Throws `cannotCreate` where the file can't be made.
 */
export async function withLock<T>(
  path: string,
  act: (lock: HeldLock) => Promise<T>,
  signal: AbortSignal,
  patience: LockPatience = DEFAULT_PATIENCE,
): Promise<T> {
  for (;;) {
    const token = randomUUID();
    await acquire(path, token, signal, patience);
    try {
      return await act({
        check: async () => {
          if ((await holder(path)) !== token) throw new LostLockError(`${path} was lost`);
        },
      });
    } catch (error) {
      if (!(error instanceof LostLockError)) throw error;
    } finally {
      if ((await holder(path)) === token) await rm(path, { force: true });
    }
  }
}

async function acquire(path: string, token: string, signal: AbortSignal, { pause, stale }: LockPatience) {
  // The token is there from the first moment: the file gets its name when it is whole.
  const own = `${path}.${token}`;
  let seen: { readonly token: string | undefined; readonly since: number } | undefined;
  try {
    await writeFile(own, token, { flag: "wx" });
    while (!(await linked(own, path))) {
      const now = performance.now();
      const current = await holder(path);
      if (seen === undefined || seen.token !== current) seen = { token: current, since: now };
      else if (current !== undefined && now - seen.since > stale) await breakLock(path, current, own);
      await sleep(pause * (0.5 + Math.random()), undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new ToolError("cannotCreate", `cannot lock ${path}`, { why: reasonOf(error), cause: error });
  } finally {
    await rm(own, { force: true });
  }
}

/** Creates the lock; false where it is there. */
async function linked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Takes away the lock of a holder that is gone. A lock that another took in the meantime is put back. */
async function breakLock(path: string, token: string, own: string): Promise<void> {
  const aside = `${own}.broken`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  // Where yet another has it by now, the one whose lock this was finds out when it checks.
  if ((await holder(aside)) !== token) await linked(aside, path);
  await rm(aside, { force: true });
}

/** The token of a lock's holder; undefined where nobody holds it. */
async function holder(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
