import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";

/** The machine that a bench ran on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** In GiB. */
  readonly memory: number;
  readonly system: string;
  /** Maps the name of each compared program to its version. */
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * Describes this machine. `programs` maps the name of each compared program to the command line that prints its
 * version.
 */
export function describeMachine(programs: Readonly<Record<string, readonly [string, ...string[]]>>): Machine {
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memory: Math.round(totalmem() / 2 ** 30),
    system: `${osName()}, Linux ${release()}`,
    versions: Object.fromEntries(
      Object.entries(programs).map(([name, [program, ...args]]) => [name, versionOf(program, args)]),
    ),
  };
}

/** The numbers of the processors that this process may use, in ascending order. */
export function allowedProcessors(): number[] {
  const [, list = ""] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number) as [number, number?];
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function osName(): string {
  return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
}

function versionOf(program: string, args: readonly string[]): string {
  const text = execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  return /\d+\.\d+(\.\d+)?/.exec(text)?.[0] ?? text.trim();
}
