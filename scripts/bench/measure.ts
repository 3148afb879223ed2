import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** A command to measure. */
export interface Job {
  readonly argv: readonly [program: string, ...args: string[]];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The cost of a command and of all processes that it started. */
export interface Measured {
  /** Wall-clock time. */
  readonly seconds: number;
  /** CPU time, in seconds. */
  readonly cpu: number;
  /** Peak anonymous memory of all processes together, in MiB. The page cache is not counted. */
  readonly memory: number;
  /** Bytes written to files on disk, in MB. Files in memory (tmpfs) are not counted. */
  readonly written: number;
  readonly stdout: string;
}

/** The interval between two memory samples, in milliseconds. */
const INTERVAL = 20;

/** Runs the command. File descriptor 3 gets the times that bash measured, and the kernel's count of written bytes. */
const WRAPPER = [
  'TIMEFORMAT="time %3R %3U %3S"',
  "exec 4>&2",
  '{ time "$@" 2>&4 3>&- 4>&-; } 2>&3',
  "code=$?",
  "cat /proc/$$/io >&3",
  "exit $code",
].join("\n");

/** Runs a command to its end and measures it. Throws an error with the command's stderr if the command fails. */
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
  }, INTERVAL);
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  clearInterval(timer);
  const [, stdout = "", stderr, report = ""] = texts;
  if (code !== 0) throw new Error(`${argv.join(" ")} failed with exit code ${code}: ${stderr}`);
  const [seconds, user, system] = (/^time (\S+) (\S+) (\S+)$/m.exec(report) ?? []).slice(1).map(Number);
  const written = Number(/^write_bytes: (\d+)$/m.exec(report)?.[1]);
  if (seconds === undefined) throw new Error(`cannot measure ${argv[0]}: expected a time from bash, found: ${report}`);
  return { seconds, cpu: Number(user) + Number(system), memory, written: written / 1e6, stdout };
}

/**
 * Returns the anonymous memory of a process and its descendants, in MiB. Counts only the process itself if
 * `descendants` is false.
 */
export function anonymousMemory(pid: number, descendants = true): number {
  try {
    const kilobytes = Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    if (!descendants) return kilobytes / 1024;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    return kilobytes / 1024 + children.reduce((sum, child) => sum + anonymousMemory(Number(child)), 0);
  } catch {
    // The process ended during the measurement.
    return 0;
  }
}

/** Returns the CPU time that a running process has used, in seconds. */
export function processorTime(pid: number): number {
  // The name in parentheses can contain spaces. The 12th and 13th fields after the name are the user time and the
  // system time.
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

/** Clock ticks per second, `sysconf(_SC_CLK_TCK)`. The value is 100 on every Linux that Node supports. */
const CLOCK_TICKS = 100;
