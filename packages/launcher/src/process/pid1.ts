import { accessSync, constants, existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** The path of tini, relative to the folder of the executables. */
export const TINI = join("lib", "tini");

/** Set in the environment of a launcher that runs as the child of tini. */
const UNDER_INIT = "ORAS_UNDER_INIT";

/** The process that reaps orphans. */
export type OrphanReaper =
  /** This process is not PID 1, and another process reaps orphans. */
  | "elsewhere"
  /** tini, the parent of this process. It also sends each signal to the launcher's whole process group. */
  | "tini"
  /** This process is PID 1, and tini is missing. Orphans stay zombies until the container ends. */
  | "none";

/**
 * Makes tini PID 1: if this process is PID 1 and tini is beside the executable, this process becomes tini, which starts
 * the same command line again. The call then does not return. Otherwise it returns the process that reaps orphans.
 * Removes its own variable from `env`, the environment of this process.
 *
 * tini forwards every signal, and exits with the code of its child, or 128 + n. With `-g` it signals the group. An
 * application shares this group if it reads the terminal. It then receives each signal once, whoever sent the signal.
 */
export function runUnderTini(argv: readonly string[], env: NodeJS.ProcessEnv): OrphanReaper {
  const underInit = env[UNDER_INIT] !== undefined;
  delete env[UNDER_INIT];
  if (process.pid !== 1) return underInit && process.ppid === 1 ? "tini" : "elsewhere";
  const tini = join(dirname(process.execPath), TINI);
  if (!isExecutable(tini)) return "none";
  process.execve?.(tini, [tini, "-g", "--", ownPath(), ...argv], { ...env, [UNDER_INIT]: "1" });
  return "none";
}

/** A path of this executable that ends with the name by which it was started, because the name selects the tool. */
function ownPath(): string {
  const beside = join(dirname(process.execPath), basename(process.argv0));
  return existsSync(beside) ? beside : process.argv0;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
