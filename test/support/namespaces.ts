import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { findProgram } from "../../support/debian.ts";
import { type Running, start } from "../../support/tools.ts";

/** The arguments of `unshare` that make what follows PID 1 of a namespace of its own. */
const PID_NAMESPACE = ["--pid", "--fork", "--kill-child", "--mount-proc"];

/** Why a process can't be made PID 1 here; false where it can. */
export const PID1_SKIP: string | false = skipReason();

/** A command line that runs a program as PID 1 of a namespace of its own. */
export function asPid1(program: string, args: readonly string[]): [string, ...string[]] {
  return ["unshare", ...PID_NAMESPACE, program, ...args];
}

/** Starts a program as PID 1. */
export function startAsPid1(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Running {
  const [unshare, ...rest] = asPid1(program, args);
  return start(unshare, rest, { env });
}

/** The process, by its id out here, that is PID 1 below an `unshare`, which may itself be below `pid`. */
export function pid1Below(pid: number): number {
  const pending = [pid];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (/^NSpid:.*\t1$/m.test(readFileSync(`/proc/${next}/status`, "utf8"))) return next;
    pending.push(...readFileSync(`/proc/${next}/task/${next}/children`, "utf8").split(" ").filter(Boolean).map(Number));
  }
  throw new Error(`no PID 1 below ${pid}`);
}

function skipReason(): string | false {
  if (process.getuid?.() !== 0) return "only root can make a PID namespace";
  if (findProgram("unshare") === undefined) return "unshare is not on this machine";
  const [unshare, ...rest] = asPid1("true", []);
  const { status, stderr } = spawnSync(unshare, rest);
  return status === 0 ? false : `no PID namespace can be made: ${stderr}`;
}
