import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { RunningProcess } from "../../support/tools.ts";

/** The resources that a process used while it ran. */
export interface ProcessUsage {
  /** The peak of the process's anonymous memory, in MiB. */
  peakMemory: number;
  /** The processor time that the process used, in seconds. */
  cpuSeconds: number;
  /** The files outside of /dev that the process opened for writing. */
  readonly written: Set<string>;
}

const ACCESS_MODE = 0o3;

/** Samples a process every 20 milliseconds until it ends. */
export async function watchProcess(running: RunningProcess): Promise<ProcessUsage> {
  const usage: ProcessUsage = { peakMemory: 0, cpuSeconds: 0, written: new Set() };
  const timer = setInterval(() => sample(running.pid, usage), 20);
  await running.ended;
  clearInterval(timer);
  return usage;
}

function sample(pid: number, usage: ProcessUsage): void {
  try {
    usage.peakMemory = Math.max(usage.peakMemory, anonymousMemory(pid));
    usage.cpuSeconds = Math.max(usage.cpuSeconds, processorTime(pid));
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const flags = Number.parseInt(findField(`/proc/${pid}/fdinfo/${fd}`, /flags:\s+(\d+)/), 8);
      const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if ((flags & ACCESS_MODE) !== 0 && path.startsWith("/") && !path.startsWith("/dev/")) usage.written.add(path);
    }
  } catch {
    // The process closed a file or ended during the sample.
  }
}

/** Returns the anonymous memory of a process, in MiB. */
function anonymousMemory(pid: number): number {
  return Math.round(Number(findField(`/proc/${pid}/status`, /RssAnon:\s+(\d+)/)) / 1024);
}

/**
 * Returns the processor time of a process in seconds. It is the sum of the fields 14 and 15 in /proc/pid/stat
 * (proc(5)). These fields count ticks of 10 milliseconds.
 */
function processorTime(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Returns a number from a file of /proc. Returns 0 if the file does not contain the number. */
function findField(file: string, pattern: RegExp): string {
  return pattern.exec(readFileSync(file, "utf8"))?.[1] ?? "0";
}
