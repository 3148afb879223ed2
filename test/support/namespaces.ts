import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { findProgram } from "../../support/debian.ts";
import { type RunningProcess, start } from "../../support/tools.ts";

/** The arguments of `unshare` that run a program as PID 1 of a new PID namespace. */
const PID_NAMESPACE = ["--pid", "--fork", "--kill-child", "--mount-proc"];

/** The reason to skip tests that run a process as PID 1. It is false if this machine can run a process as PID 1. */
export const PID1_SKIP: string | false = skipReason();

/** Returns a command line that runs a program as PID 1 of a new PID namespace. */
export function pid1Command(program: string, args: readonly string[]): [string, ...string[]] {
  return ["unshare", ...PID_NAMESPACE, program, ...args];
}

/** Starts a program as PID 1 of a new PID namespace. */
export function startAsPid1(program: string, args: readonly string[], env: NodeJS.ProcessEnv): RunningProcess {
  const [unshare, ...rest] = pid1Command(program, args);
  return start(unshare, rest, { env });
}

/**
 * Searches `pid` and its descendants for the process that is PID 1 in its own PID namespace. Returns the ID of this
 * process in the PID namespace of the test. Throws if there is no such process.
 */
export function findPid1(pid: number): number {
  const pending = [pid];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (/^NSpid:.*\t1$/m.test(readFileSync(`/proc/${next}/status`, "utf8"))) return next;
    pending.push(...childrenOf(next));
  }
  throw new Error(`no PID 1 among the descendants of ${pid}`);
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return children.split(" ").filter(Boolean).map(Number);
}

function skipReason(): string | false {
  if (process.getuid?.() !== 0) return "only root can create a PID namespace";
  if (findProgram("unshare") === undefined) return "unshare is not installed";
  const [unshare, ...rest] = pid1Command("true", []);
  const { status, stderr } = spawnSync(unshare, rest);
  return status === 0 ? false : `cannot create a PID namespace: ${stderr}`;
}
