import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A process of this machine. The kernel reuses process IDs. Therefore, the start time is a part of the identity. */
export interface ProcessIdentity {
  readonly pid: number;
  /** The start time of the process, in clock ticks since the start of the machine. */
  readonly started: string;
}

/** Returns the identity of a running process. Returns undefined if the process has ended. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  try {
    // In this file, the name of the program is in parentheses and can contain spaces (proc(5)).
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return state === "Z" ? undefined : { pid, started: fields[18] as string };
  } catch {
    return undefined;
  }
}

/** Returns whether a process still runs. */
export function isRunning({ pid, started }: ProcessIdentity): boolean {
  return identifyProcess(pid)?.started === started;
}

/** Kills a process with SIGKILL and waits until it has ended. */
export async function killProcess(process_: ProcessIdentity): Promise<void> {
  if (isRunning(process_)) process.kill(process_.pid, "SIGKILL");
  while (isRunning(process_)) await sleep(20);
}

/** Returns the IDs of a process's children. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
