import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** A program to be measured. */
export interface Job {
  readonly argv: readonly [program: string, ...args: string[]];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a program took, with all that it started. */
export interface Measured {
  /** From start to end. */
  readonly seconds: number;
  /** Processor time, in seconds. */
  readonly cpu: number;
  /** The most anonymous memory at once, in MiB: what the page cache holds of files is not counted. */
  readonly memory: number;
  /** Bytes that went to files on disk, those in memory (tmpfs) not counted, in MB. */
  readonly written: number;
  readonly stdout: string;
}

/** How often memory is looked at, in milliseconds. */
const LOOK = 20;

/** Runs the program and says on descriptor 3 what bash knows of its time, and the kernel of what was written. */
const WRAPPER = [
  'TIMEFORMAT="time %3R %3U %3S"',
  "exec 4>&2",
  '{ time "$@" 2>&4 3>&- 4>&-; } 2>&3',
  "code=$?",
  "cat /proc/$$/io >&3",
  "exit $code",
].join("\n");

/** Runs a program to its end and measures it. Throws with what it said where it fails. */
export async function measure({ argv, cwd, env }: Job): Promise<Measured> {
  const child = spawn("bash", ["-c", WRAPPER, "bash", ...argv], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd ?? "/nonexistent", ...env },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const texts = ["", "", "", ""];
  for (const fd of [1, 2, 3])
    child.stdio[fd]?.on("data", (chunk: Buffer) => {
      texts[fd] += chunk.toString();
    });
  let memory = 0;
  const timer = setInterval(() => {
    memory = Math.max(memory, anonymousMemory(child.pid as number));
  }, LOOK);
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  clearInterval(timer);
  const [, stdout = "", stderr, report = ""] = texts;
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}: ${stderr}`);
  const [seconds, user, system] = (/^time (\S+) (\S+) (\S+)$/m.exec(report) ?? []).slice(1).map(Number);
  const written = Number(/^write_bytes: (\d+)$/m.exec(report)?.[1]);
  if (seconds === undefined) throw new Error(`bash did not say how long ${argv[0]} took: ${report}`);
  return { seconds, cpu: Number(user) + Number(system), memory, written: written / 1e6, stdout };
}

/** The anonymous memory of a process, in MiB, with that of all that it started unless `whole` is false. */
export function anonymousMemory(pid: number, whole = true): number {
  try {
    const kilobytes = Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    if (!whole) return kilobytes / 1024;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    return kilobytes / 1024 + children.reduce((sum, child) => sum + anonymousMemory(Number(child)), 0);
  } catch {
    // It ended while it was looked at.
    return 0;
  }
}

/** Processor time of a running process so far, in seconds. */
export function processorTime(pid: number): number {
  // The name, in parentheses, may hold anything; user and system time are the 12th and 13th fields after it.
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

/** Of a second: `sysconf(_SC_CLK_TCK)`, 100 on every Linux that Node runs on. */
const CLOCK_TICKS = 100;
