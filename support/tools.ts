import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { chmodSync, copyFileSync, linkSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { DIST } from "./paths.ts";

/** One of the three executables. */
export type Tool = "launcher" | "wait-fs" | "oras-push";

/** How a process ended, and its output. */
export interface ProcessResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running process. */
export interface RunningProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Resolves when the process ends. Rejects only if the program cannot be started. */
  readonly ended: Promise<ProcessResult>;
}

const unfinished = new Set<ChildProcess>();

// A failed test may leave processes behind.
process.once("exit", () => {
  for (const child of unfinished) child.kill("SIGKILL");
});

/** The path of a built executable. */
export function toolPath(tool: Tool): string {
  return join(DIST, tool);
}

let copies: string | undefined;

/**
 * The path of a built executable that every user can run. If the clone is in a folder that only its owner can open,
 * such as /root, this is the path of a copy. The copy is removed when this process ends.
 */
export function sharedToolPath(tool: Tool): string {
  if (isOpenToAll(DIST)) return toolPath(tool);
  if (copies === undefined) {
    const folder = mkdtempSync(join(tmpdir(), "oras-pod-tools-dist-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    chmodSync(folder, 0o755);
    copyFileSync(toolPath("launcher"), join(folder, "launcher"));
    for (const name of ["wait-fs", "oras-push"]) linkSync(join(folder, "launcher"), join(folder, name));
    copies = folder;
  }
  return join(copies, tool);
}

function isOpenToAll(folder: string): boolean {
  if ((statSync(folder).mode & 0o001) === 0) return false;
  return dirname(folder) === folder || isOpenToAll(dirname(folder));
}

/**
 * Starts a built executable. By default, its environment is empty. `options.env` sets the environment, and
 * `options.uid` sets the user.
 */
export function startTool(tool: Tool, args: readonly string[], options: SpawnOptions = {}): RunningProcess {
  const path = options.uid === undefined ? toolPath(tool) : sharedToolPath(tool);
  return start(path, args, { env: {}, ...options });
}

/** Runs a built executable and waits until it ends. */
export function runTool(tool: Tool, args: readonly string[], options: SpawnOptions = {}): Promise<ProcessResult> {
  return startTool(tool, args, options).ended;
}

/** Starts a program and collects its output. */
export function start(program: string, args: readonly string[], options: SpawnOptions = {}): RunningProcess {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  unfinished.add(child);
  child.once("close", () => unfinished.delete(child));
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const ended = new Promise<ProcessResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout: stdout(), stderr: stderr() }));
  });
  return { child, pid: child.pid ?? -1, ended };
}

/** Runs a program and waits until it ends. */
export function run(program: string, args: readonly string[], options: SpawnOptions = {}): Promise<ProcessResult> {
  return start(program, args, options).ended;
}

/** Collects the text of a stream. Returns a function that returns the text received so far. */
function collect(stream: Readable | null): () => string {
  let text = "";
  stream?.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return () => text;
}
