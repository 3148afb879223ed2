import { accessSync, constants, existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Where the init is, from the folder of the executables. */
export const TINI = join("lib", "tini");

/** By this variable of the environment the launcher knows that its parent is the init that it has called itself. */
const UNDER_INIT = "ORAS_UNDER_INIT";

/** What stands between this process and the orphans that nobody else would reap. */
export type Init =
  /** This process is not PID 1: orphans are another's. */
  | "elsewhere"
  /** The init that this process has called: it reaps, and sends each signal to the launcher's whole process group. */
  | "tini"
  /** This process is PID 1 and there is no init beside it: orphans stay zombies until the container ends. */
  | "none";

/**
 * Has a process that is PID 1 run as the child of an init: where tini lies beside the executable, this process becomes
 * tini, which starts the same command line once more, and the call does not return. It gives what this process runs
 * under, and takes the trace of the call out of `env`, the environment of this process.
 *
 * tini forwards every signal and ends with the code of its child, or 128 + n. With `-g` it signals the group, so that an
 * application that shares it with the launcher, to read the terminal, has each signal once whoever sent it.
 */
export function runUnderInit(argv: readonly string[], env: NodeJS.ProcessEnv): Init {
  const under = env[UNDER_INIT] !== undefined;
  delete env[UNDER_INIT];
  if (process.pid !== 1) return under && process.ppid === 1 ? "tini" : "elsewhere";
  const tini = join(dirname(process.execPath), TINI);
  if (!isExecutable(tini)) return "none";
  process.execve?.(tini, [tini, "-g", "--", ownPath(), ...argv], { ...env, [UNDER_INIT]: "1" });
  return "none";
}

/** A path of this executable that ends in the name it was started by: the name says which tool it is. */
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
