import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { join } from "node:path";
import { DIST } from "./paths.ts";

/** One of the three executables. */
export type Tool = "launcher" | "wait-fs" | "oras-push";

/** How a process ended, and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running process. */
export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** How it ended; never rejects but for a program that can't be started. */
  readonly ended: Promise<Ended>;
}

const unfinished = new Set<ChildProcess>();

// A test that failed may have left some behind.
process.once("exit", () => {
  for (const child of unfinished) child.kill("SIGKILL");
});

/** The path of a built executable. */
export function toolPath(tool: Tool): string {
  return join(DIST, tool);
}

/** Starts a built executable with nothing in its environment but what is given. */
export function startTool(tool: Tool, args: readonly string[], options: SpawnOptions = {}): Running {
  return start(toolPath(tool), args, { env: {}, ...options });
}

/** Runs a built executable to its end. */
export function runTool(tool: Tool, args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  return startTool(tool, args, options).ended;
}

/** Starts a program and collects what it writes. */
export function start(program: string, args: readonly string[], options: SpawnOptions = {}): Running {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  unfinished.add(child);
  child.once("close", () => unfinished.delete(child));
  const output = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, ...output }));
  });
  return { child, pid: child.pid ?? -1, ended };
}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  return start(program, args, options).ended;
}
