import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { existingPaths } from "shared/pod/existing-paths";
import { waitUntil } from "shared/pod/wait";
import { type MemoryRegistry, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { type RunningProcess, startTool, type Tool } from "../../support/tools.ts";
import { temporaryFolder } from "./temporary.ts";

/** A pod without Kubernetes: a folder stands for its volume, and processes stand for its containers. */
export interface TestPod {
  /** The pod's own folder. */
  readonly folder: string;
  /** The volume, which is the folder `share` in `folder`. */
  readonly share: string;
  readonly registry: MemoryRegistry;
  /** Returns the reference of an artifact in the registry. */
  reference(name: string): string;
  /** Starts a container, and kills it when the test ends. */
  start(tool: Tool, args: readonly string[], env?: NodeJS.ProcessEnv): RunningProcess;
  /**
   * Starts a launcher whose application writes `direct` to the volume and then sleeps. Resolves when the application
   * has written `direct`.
   */
  startSleepingLauncher(args?: readonly string[]): Promise<SleepingLauncher>;
}

/** A launcher whose application sleeps. */
export interface SleepingLauncher extends RunningProcess {
  /**
   * Kills the launcher and the application with SIGKILL. When a real container ends, the kernel kills the container's
   * processes in the same way. Resolves when the launcher has ended.
   */
  kill(): Promise<void>;
}

interface TestContext {
  after(clean: () => void | Promise<void>): void;
}

/** Creates a pod with an in-process registry. Everything is removed when the test ends. */
export async function testPod(context: TestContext): Promise<TestPod> {
  const folder = temporaryFolder(context);
  const share = join(folder, "share");
  mkdirSync(share);
  const registry = await startMemoryRegistry();
  context.after(() => registry.close());
  const start: TestPod["start"] = (tool, args, env = {}) => {
    const options = { cwd: folder, env: { ORAS_SHARE: share, PATH: process.env.PATH, ...env } };
    const running = startTool(tool, args, options);
    context.after(() => void running.child.kill("SIGKILL"));
    return running;
  };
  return {
    folder,
    share,
    registry,
    reference: (name) => `${registry.address}/metric/${name}`,
    start,
    startSleepingLauncher: (args = []) => startSleeping(context, { folder, start }, args),
  };
}

async function startSleeping(
  context: TestContext,
  { folder, start }: Pick<TestPod, "folder" | "start">,
  args: readonly string[],
): Promise<SleepingLauncher> {
  const script = 'echo "$$" > pid.new; echo content > share/direct; mv pid.new pid; exec sleep 120';
  const output = join(folder, "share", "direct");
  const launcher = start("launcher", ["--output", output, ...args, "--", "sh", "-c", script]);
  const file = join(folder, "pid");
  await waitForPath(file);
  const application = Number(readFileSync(file, "utf8"));
  rmSync(file);
  context.after(() => killProcess(application));
  const kill = async () => {
    launcher.child.kill("SIGKILL");
    killProcess(application);
    await launcher.ended;
  };
  return { ...launcher, kill };
}

/** Waits until a path exists. Fails after 20 seconds. */
export async function waitForPath(path: string): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  await waitUntil(existingPaths({ paths: [path] }), { paths: [path], pollSeconds: 0.05, signal });
}

/** Waits until `count` processes are connected to a volume's lease. Fails after 20 seconds. */
export async function waitForLeaseReaders(share: string, count = 1): Promise<void> {
  // In the kernel's table of sockets, each accepted connection has the state 03 and the name of the socket that
  // accepted it.
  const line = new RegExp(` 03 +\\d+ ${share}/\\.?oras-operator-lease\\.sock`);
  const check = async () => {
    const lines = readFileSync("/proc/net/unix", "utf8").split("\n");
    return lines.filter((text) => line.test(text)).length >= count ? true : undefined;
  };
  await waitUntil(check, { paths: [], pollSeconds: 0.02, signal: AbortSignal.timeout(20_000) });
}

/** Kills a process with SIGKILL. Does nothing if the process has ended. Throws if `pid` is not a process ID. */
export function killProcess(pid: number): void {
  // With the number 0, `process.kill` would kill the whole process group of this test.
  if (!(pid > 1)) throw new RangeError(`${pid} is not the id of a process`);
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
