import { type ChildProcess, execFile, execFileSync, type StdioOptions, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { removeCgroup } from "./cgroups.ts";
import { childrenOf, identifyProcess, isRunning, killProcess, type ProcessIdentity } from "./process-identity.ts";
import { FILES, INSIDE, PROGRAMS } from "./settings.ts";

/** The content of the file `node.json`. The process IDs are valid outside of the namespaces. */
interface NodeRecord {
  /** If the holder ends, the kernel kills all processes of the node. */
  readonly holder: ProcessIdentity;
  /** The first process inside the namespaces. */
  readonly first: ProcessIdentity;
  /**
   * Maps the log name of each program inside the node to the program's parent process. The parents run outside of the
   * node.
   */
  readonly programs: Readonly<Record<string, ProcessIdentity>>;
}

const NAMESPACES = ["--mount", "--propagation=private", "--net", "--uts", "--pid", "--mount-proc"];

/** The Linux namespaces of a node, for mounts, network, host name and processes. */
export class Node {
  readonly folder: string;
  #record: NodeRecord;

  private constructor(folder: string, record: NodeRecord) {
    this.folder = folder;
    this.#record = record;
  }

  /**
   * Creates the namespaces of a node. `folder` contains the configuration. If `bound` is true, the kernel stops the
   * node when this process ends, even if SIGKILL ends this process.
   */
  static async start(folder: string, bound: boolean): Promise<Node> {
    const command = ["unshare", ...NAMESPACES, "--fork", "--kill-child", "catatonit", "-P"];
    const [program = "", ...args] = bound ? ["setpriv", "--pdeathsig", "KILL", ...command] : command;
    const child = spawn(program, args, { cwd: "/", detached: true, stdio: "ignore" });
    child.unref();
    const holder = identify(child.pid as number);
    const node = new Node(folder, { holder, first: identify(await firstProcess(child)), programs: {} });
    node.#store(node.#record);
    node.#prepare();
    return node;
  }

  /** Returns the running node of a folder. Returns undefined if no node is running. */
  static find(folder: string): Node | undefined {
    const record = readRecord(folder);
    return record !== undefined && isRunning(record.first) ? new Node(folder, record) : undefined;
  }

  /** Stops the node of a folder. Removes the cgroup and the record of the node. Does nothing if there is no node. */
  static async stop(folder: string): Promise<void> {
    const record = readRecord(folder);
    if (record === undefined) return;
    // When the first process ends, the kernel kills all processes inside the namespaces. After that, the parents of
    // these processes also end. The parents run outside of the namespaces.
    await killProcess(record.first);
    for (const parent of [record.holder, ...Object.values(record.programs)]) await untilEnded(parent);
    await removeCgroup(cgroupName(folder));
    rmSync(join(folder, FILES.node));
  }

  /**
   * Runs a command inside the node and returns its stdout. Throws an error with the command's stderr if the command
   * fails.
   */
  async exec(...command: readonly string[]): Promise<string> {
    const [program, ...args] = this.inside(command);
    return (await promisify(execFile)(program, args, { cwd: "/", maxBuffer: 2 ** 28 })).stdout;
  }

  /**
   * Starts a program inside the node. The program runs until the node stops. The log `name` contains the program's
   * output. If `channel` is true, the program can receive messages from this process.
   */
  start(name: string, command: readonly string[], channel = false): ChildProcess {
    const log = openSync(logFile(this.folder, name), "a");
    const stdio: StdioOptions = ["ignore", log, log, ...(channel ? ["ipc" as const] : [])];
    const [program, ...args] = this.inside(command);
    // containerd looks for its shim on PATH.
    const env = { PATH: `${INSIDE.programs}:${process.env.PATH}` };
    const child = spawn(program, args, { cwd: "/", detached: true, env, stdio });
    closeSync(log);
    child.unref();
    const programs = { ...this.#record.programs, [name]: identify(child.pid as number) };
    this.#store({ ...this.#record, programs });
    return child;
  }

  /** Sends SIGKILL to a program that `start` started. Waits until the program has ended. */
  async kill(name: string): Promise<void> {
    const parent = this.#record.programs[name];
    if (parent === undefined) throw new Error(`the node has no program ${name}`);
    for (const pid of childrenOf(parent.pid)) process.kill(pid, "SIGKILL");
    while (isRunning(parent)) await sleep(20);
  }

  /** Returns a command that runs `command` inside the node. */
  inside(command: readonly string[]): [program: string, ...args: string[]] {
    const target = ["--target", `${this.#record.first.pid}`];
    return ["nsenter", ...target, "--mount", "--net", "--uts", "--pid", "--", ...command];
  }

  #store(record: NodeRecord): void {
    this.#record = record;
    writeFileSync(join(this.folder, FILES.node), JSON.stringify(record));
  }

  #prepare(): void {
    mkdirSync(join(this.folder, FILES.logs), { recursive: true });
    const script = join(import.meta.dirname, "prepare-node.ts");
    const command = [process.execPath, script, this.folder, PROGRAMS, cgroupName(this.folder)];
    const [program, ...args] = this.inside(command);
    execFileSync(program, args, { cwd: "/", stdio: ["ignore", "ignore", "pipe"] });
  }
}

/** Returns the path of a log in the folder of a cluster. */
export function logFile(folder: string, name: string): string {
  return join(folder, FILES.logs, `${name}.log`);
}

/** Returns the name of the cgroup for the pods of a cluster. Each cluster folder gives a different cgroup name. */
export function cgroupName(folder: string): string {
  return `oras-pod-tools-${createHash("sha256").update(folder).digest("hex").slice(0, 12)}`;
}

/**
 * Waits until the first process in the namespaces runs, and returns its ID. When this process runs, the namespaces are
 * complete.
 */
async function firstProcess(unshare: ChildProcess): Promise<number> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const [pid] = childrenOf(unshare.pid as number);
    if (pid !== undefined && programOf(pid) === "catatonit") return pid;
    if (unshare.exitCode !== null) break;
    await sleep(10);
  }
  throw new Error(`cannot create namespaces: unshare exited with ${unshare.exitCode}`);
}

/** Waits until a process ends. Kills the process if it is still running after five seconds. */
async function untilEnded(process_: ProcessIdentity): Promise<void> {
  for (let attempt = 0; attempt < 250 && isRunning(process_); attempt++) await sleep(20);
  await killProcess(process_);
}

function programOf(pid: number): string | undefined {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return undefined;
  }
}

function identify(pid: number): ProcessIdentity {
  const identity = identifyProcess(pid);
  if (identity === undefined) throw new Error(`the process ${pid} ended at once`);
  return identity;
}

function readRecord(folder: string): NodeRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, FILES.node), "utf8")) as NodeRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
