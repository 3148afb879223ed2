/** Runs launcher and sidecar of a pod as two users. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type DoneMarker, parseDoneMarker, SHARE } from "shared/pod/markers";
import { type MemoryRegistry, startMemoryRegistry } from "../../../support/registry/memory-registry.ts";
import {
  type ProcessResult,
  type RunningProcess,
  sharedToolPath,
  start,
  startTool,
  type Tool,
} from "../../../support/tools.ts";
import type { Dice } from "../../support/dice.ts";
import { hiddenTree } from "./disk.ts";
import { type Output, randomOutputs } from "./outputs.ts";
import { randomWorld } from "./random-world.ts";
import { LAUNCHER, SIDECAR, type World } from "./world.ts";

/** The random choices for one pod. */
export interface Plan {
  readonly world: World;
  readonly outputs: readonly Output[];
  /** The exit code of the command. */
  readonly exitCode: number;
  readonly umasks: Readonly<Record<"launcher" | "sidecar", string>>;
  readonly waitPush: boolean;
  /** True if the tree exists before the launcher starts. Otherwise, the command moves the tree to its path. */
  readonly early: boolean;
}

/** Makes the plan of one pod. */
export function randomPlan(pod: string, dice: Dice): Plan {
  const world = randomWorld(pod, dice);
  const umask = () => dice.pick(["022", "077", "027"]);
  return {
    world,
    outputs: randomOutputs(world, dice),
    exitCode: dice.chance(0.3) ? 1 + dice.below(50) : 0,
    umasks: { launcher: umask(), sidecar: umask() },
    waitPush: dice.chance(0.5),
    early: dice.chance(0.15),
  };
}

/** What a pod left behind. */
export interface PodEnd {
  readonly launcher: ProcessResult;
  readonly sidecar: ProcessResult;
  /** Maps each tag in the registry to its manifest. */
  readonly tags: ReadonlyMap<string, { readonly annotations: Readonly<Record<string, string>> }>;
  readonly done: DoneMarker | undefined;
  readonly doneFailed: DoneMarker | undefined;
  /** Whether the command ran. */
  readonly ran: boolean;
  /** The result of the pull of the tag. Undefined if the registry has no tag. */
  readonly pull: ProcessResult | undefined;
}

/** The time limit of a pod, in milliseconds. */
const LIMIT = 60_000;

/** Runs a pod to its end, and pulls the artifact into the folder `pulled`. Rejects if the pod takes too long. */
export async function runPod(plan: Plan, pulled: string): Promise<PodEnd> {
  const registry = await startMemoryRegistry();
  const started: RunningProcess[] = [];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the pod hangs: ${describeProcesses(started)}`)), LIMIT);
  });
  try {
    return await Promise.race([finish(plan, pulled, registry, started), late]);
  } finally {
    clearTimeout(timer);
    for (const { child } of started) child.kill("SIGKILL");
    await registry.close();
  }
}

function describeProcesses(started: readonly RunningProcess[]): string {
  return started
    .map(({ child }) => `${child.spawnargs.join(" ").slice(0, 300)}: ${child.exitCode ?? "runs"}`)
    .join("; ");
}

async function finish(
  plan: Plan,
  pulled: string,
  registry: MemoryRegistry,
  started: RunningProcess[],
): Promise<PodEnd> {
  const { pod } = plan.world;
  const share = join(pod, "share");
  const begin = (tool: Tool, args: readonly string[], umask: string, user: { uid: number; gid: number }) => {
    const script = 'umask "$1"; shift; exec "$@"';
    const words = ["-c", script, "sh", umask, sharedToolPath(tool), ...args];
    const running = start("sh", words, { cwd: pod, env: { PATH: process.env.PATH }, ...user });
    started.push(running);
    return running.ended;
  };
  const [launcher, sidecar] = await Promise.all([
    begin("launcher", launcherArguments(plan, share), plan.umasks.launcher, LAUNCHER),
    begin("oras-push", sidecarArguments(share, registry), plan.umasks.sidecar, SIDECAR),
  ]);
  const tags = tagsOf(registry);
  const [tag] = tags.keys();
  let pull: ProcessResult | undefined;
  if (tag !== undefined) {
    const running = startTool("oras-push", ["pull", `${registry.address}/trees/run:${tag}`, "-o", pulled]);
    started.push(running);
    pull = await running.ended;
  }
  const marker = (name: string) => {
    const path = join(share, name);
    return existsSync(path) ? parseDoneMarker(readFileSync(path, "utf8")) : undefined;
  };
  const [done, doneFailed] = [marker(SHARE.done), marker(SHARE.doneFailed)];
  return { launcher, sidecar, tags, pull, ran: existsSync(join(pod, "ran")), done, doneFailed };
}

function launcherArguments({ world, outputs, exitCode, waitPush, early }: Plan, share: string): string[] {
  const tree = join(world.pod, world.tree);
  const place = early ? "" : `mv '${hiddenTree(world)}' '${tree}' || exit 99; `;
  const script = `touch ran; ${place}exit ${exitCode}`;
  return [
    "-q",
    ...["--share", share],
    ...(waitPush ? ["--wait-push"] : []),
    ...outputs.flatMap(({ text }) => ["--output", text]),
    ...["--", "sh", "-c", script],
  ];
}

function sidecarArguments(share: string, registry: MemoryRegistry): string[] {
  return ["sidecar", "--share", share, "--start-timeout", "50", "NA", `${registry.address}/trees/run:t`];
}

function tagsOf({ manifests }: MemoryRegistry): PodEnd["tags"] {
  const prefix = "trees/run:";
  const tags = [...manifests].filter(([name]) => name.startsWith(prefix));
  return new Map(tags.map(([name, { bytes }]) => [name.slice(prefix.length), JSON.parse(bytes.toString())]));
}
