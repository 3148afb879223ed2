import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { waitUntil } from "shared/pod/wait";
import { existingPaths } from "shared/pod/existing-paths";
import { type MemoryRegistry, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { type Running, startTool, type Tool } from "../../support/tools.ts";
import { temporaryFolder } from "./temporary.ts";

/** A pod's volume, registry and containers, played by a folder and processes. */
export interface TestPod {
  /** A folder of the pod's own; the volume is `share` in it. */
  readonly folder: string;
  readonly share: string;
  readonly registry: MemoryRegistry;
  /** A reference to the registry. */
  reference(name: string): string;
  /** Starts a container; it is killed when the test ends. */
  start(tool: Tool, args: readonly string[], env?: NodeJS.ProcessEnv): Running;
  /** Starts a launcher whose application writes `direct` to the volume and then stays; gives it once it has. */
  startStaying(args?: readonly string[]): Promise<StayingLauncher>;
}

/** A launcher whose application stays. */
export interface StayingLauncher extends Running {
  /** Kills both with SIGKILL, as the end of a container does, and waits until they are gone. */
  die(): Promise<void>;
}

/** Makes a pod with an in-process registry; nothing of it outlives the test. */
export async function testPod(context: { after(clean: () => void | Promise<void>): void }): Promise<TestPod> {
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
    startStaying: async (args = []) => {
      const script = 'echo "$$" > pid.new; echo content > share/direct; mv pid.new pid; exec sleep 120';
      const launcher = start("launcher", ["--output", join(share, "direct"), ...args, "--", "sh", "-c", script]);
      await appears(join(folder, "pid"));
      const application = Number(readFileSync(join(folder, "pid"), "utf8"));
      rmSync(join(folder, "pid"));
      const die = async () => {
        launcher.child.kill("SIGKILL");
        kill(application);
        await launcher.ended;
      };
      context.after(() => kill(application));
      return { ...launcher, die };
    },
  };
}

/** Waits until a path is there; fails after 20 seconds. */
export async function appears(path: string): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  await waitUntil(existingPaths({ paths: [path] }), { paths: [path], pollSeconds: 0.05, signal });
}

/** Waits until `count` processes are connected to a volume's lease; fails after 20 seconds. */
export async function watched(share: string, count = 1): Promise<void> {
  // The kernel's table of sockets shows an accepted connection (state 03) under its listener's name.
  const line = new RegExp(` 03 +\\d+ ${share}/\\.?oras-operator-lease\\.sock`);
  const look = async () => {
    const lines = readFileSync("/proc/net/unix", "utf8").split("\n");
    return lines.filter((text) => line.test(text)).length >= count ? true : undefined;
  };
  await waitUntil(look, { paths: [], pollSeconds: 0.02, signal: AbortSignal.timeout(20_000) });
}

/** Kills a process that may be gone already. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
