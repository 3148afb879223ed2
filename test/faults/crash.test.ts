/** SIGKILL to a random process of a pod at a random time: the pod ends, and it succeeds only with its artifact. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { SHARE } from "shared/pod/markers";
import { type MemoryRegistry, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { type ProcessResult, type RunningProcess, startTool } from "../../support/tools.ts";
import { killProcess } from "../support/pod.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { randomNumbers } from "./random.ts";

const RUNS = 300;
const AT_ONCE = 6;
/** The time limit of a pod, in milliseconds. A usual run takes less than two seconds. */
const LIMIT = 30_000;

const VICTIMS = ["launcher", "application", "sidecar"] as const;
type Victim = (typeof VICTIMS)[number];

/** The random choices for one run. */
interface Draw {
  readonly name: string;
  readonly victim: Victim;
  /** When to kill the victim, in milliseconds after the start; undefined for never. */
  readonly killAfter: number | undefined;
  /** Whether a failed sidecar is restarted, as with restartPolicy OnFailure. */
  readonly restarts: boolean;
  /** Whether the launcher waits for the push. */
  readonly waitPush: boolean;
}

const folder = temporaryFolder({ after });
let registry: MemoryRegistry;

before(async () => {
  registry = await startMemoryRegistry();
});
after(() => registry.close());

it(`${RUNS} pods with a kill at a random time neither hang nor succeed without their artifact`, async (context) => {
  const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
  context.diagnostic(`seed ${seed} (set CRASH_SEED to repeat it)`);
  const random = randomNumbers(seed);
  const life = await lifetime();
  context.diagnostic(`a pod without a kill runs for ${Math.round(life)} ms: the kills happen within that time`);
  const draws = Array.from({ length: RUNS }, (_, index): Draw => {
    const victim = VICTIMS[Math.floor(random() * VICTIMS.length)] as Victim;
    return {
      name: `run-${index}`,
      victim,
      killAfter: random() * life,
      restarts: random() < 0.5,
      waitPush: random() < 0.5,
    };
  });
  const figures = new Map<string, number>();
  const pending = draws.values();
  const work = async () => {
    for (const draw of pending) {
      const outcome = `${draw.victim} killed: ${await runPod(draw)}`;
      figures.set(outcome, (figures.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const [outcome, count] of [...figures].sort()) context.diagnostic(`${String(count).padStart(4)} ${outcome}`);
});

/** The duration of pods without a kill on this machine, as many at once as in the test, in milliseconds. */
async function lifetime(): Promise<number> {
  const undisturbed = { victim: "launcher", killAfter: undefined, restarts: false, waitPush: true } as const;
  const start = performance.now();
  const pods = Array.from({ length: AT_ONCE }, (_, index) => runPod({ ...undisturbed, name: `undisturbed-${index}` }));
  for (const outcome of await Promise.all(pods))
    assert.equal(outcome, "launcher exits with 0, sidecar exits with 0, pushed t");
  return performance.now() - start;
}

/** Runs one pod to its end, and compares its messages with the registry. Returns the outcome in words. */
async function runPod(draw: Draw): Promise<string> {
  const pod = join(folder, draw.name);
  mkdirSync(join(pod, "share"), { recursive: true });
  const options = { cwd: pod, env: { ORAS_SHARE: join(pod, "share"), PATH: process.env.PATH } };
  const script =
    "echo $$ > pid; for i in 1 2 3 4 5 6 7 8; do echo $i > share/part-$i; sleep 0.02; done; mkdir copied; echo end > copied/end";
  const outputs = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((part) => ["--output", `share/part-${part}`]);
  const waiting = draw.waitPush ? ["--wait-push", "--sidecar-timeout", "1"] : [];
  const command = ["--output", "copied", "--", "sh", "-c", script];
  const launcher = startTool("launcher", ["-q", ...waiting, ...outputs, ...command], options);
  const sidecarArguments = ["sidecar", "NA", `${registry.address}/crash/${draw.name}:t`, "--start-timeout", "2"];
  const started: RunningProcess[] = [launcher];
  const startSidecar = (): RunningProcess => {
    const running = startTool("oras-push", sidecarArguments, options);
    started.push(running);
    return running;
  };
  const sidecar = startSidecar();
  const act = () => strike(draw.victim, launcher, sidecar, pod);
  const timer = draw.killAfter === undefined ? undefined : setTimeout(act, draw.killAfter);
  const ended = (async () => {
    const first = await sidecar.ended;
    const pushed = draw.restarts && first.code !== 0 ? await startSidecar().ended : first;
    return { launched: await launcherEnd(launcher, join(pod, "share")), pushed };
  })();
  const { launched, pushed } = await withinLimit(ended, draw).finally(() => {
    clearTimeout(timer);
    for (const { child } of started) child.kill("SIGKILL");
  });
  check(draw, launched, pushed);
  rmSync(pod, { recursive: true, force: true });
  return `launcher ${describeEnd(launched)}, sidecar ${describeEnd(pushed)}, ${describeTags(draw.name)}`;
}

/** Kills the victim. The application is killed with the launcher, as in a container. */
function strike(victim: Victim, launcher: RunningProcess, sidecar: RunningProcess, pod: string): void {
  if (victim === "sidecar") sidecar.child.kill("SIGKILL");
  if (victim === "launcher") launcher.child.kill("SIGKILL");
  if (victim !== "sidecar" && existsSync(join(pod, "pid"))) {
    const pid = Number(readFileSync(join(pod, "pid"), "utf8"));
    if (pid > 0) killProcess(pid);
  }
}

/**
 * Waits for a launcher whose sidecar has ended. If the sidecar died without a lease, the launcher waits until SIGTERM.
 */
async function launcherEnd(launcher: RunningProcess, share: string): Promise<ProcessResult> {
  const release = setInterval(() => {
    const abandoned = existsSync(join(share, SHARE.done)) && !existsSync(join(share, SHARE.sidecarLease));
    if (abandoned) launcher.child.kill("SIGTERM");
  }, 100);
  return launcher.ended.finally(() => clearInterval(release));
}

async function withinLimit<T>(work: Promise<T>, draw: Draw): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the pod hangs: ${JSON.stringify(draw)}`)), LIMIT);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}

function check(draw: Draw, launched: ProcessResult, pushed: ProcessResult): void {
  const tags = ["t", "t-failed", "t-incomplete"].filter((tag) => contentOf(draw.name, tag) !== undefined);
  const story = `${JSON.stringify(draw)} ${pushed.stderr}`;
  if (tags.includes("t"))
    assert.deepEqual(contentOf(draw.name, "t"), expectedContent(), `the tag is incomplete: ${story}`);
  if (draw.waitPush && launched.code === 0)
    assert.ok(tags.includes("t"), `the launcher waits for the push and succeeds without it: ${story}`);
  if (pushed.code !== 0) return;
  const named = /^Pushed \[registry\] \S+:(\S+)$/m.exec(pushed.stdout)?.[1] ?? "";
  assert.ok(named === "t" || named === "t-failed", `a success pushed ${named}: ${story}`);
  assert.ok(tags.includes(named), `a success without its tag: ${story}`);
}

/** The layers of a tag by their titles: the text of a file, or "whole" for a complete folder, else its digest. */
function contentOf(name: string, tag: string): Record<string, string> | undefined {
  const manifest = registry.manifests.get(`crash/${name}:${tag}`);
  if (manifest === undefined) return undefined;
  const { layers } = JSON.parse(manifest.bytes.toString()) as {
    layers: { digest: string; mediaType: string; annotations: Record<string, string> }[];
  };
  return Object.fromEntries(
    layers.map(({ digest, mediaType, annotations }) => {
      const blob = registry.blobs.get(digest) ?? Buffer.alloc(0);
      const title = annotations["org.opencontainers.image.title"] ?? "";
      if (!mediaType.endsWith("+gzip")) return [title, blob.toString()];
      return [title, gunzipSync(blob).includes("end\n") ? "whole" : createHash("sha256").update(blob).digest("hex")];
    }),
  );
}

function expectedContent(): Record<string, string> {
  const parts = [1, 2, 3, 4, 5, 6, 7, 8].map((part) => [`part-${part}`, `${part}\n`]);
  return { ...Object.fromEntries(parts), copied: "whole" };
}

function describeEnd({ code, signal }: ProcessResult): string {
  return signal === null ? `exits with ${code}` : "is killed";
}

function describeTags(name: string): string {
  const tags = ["t", "t-failed", "t-incomplete"].filter((tag) => registry.manifests.has(`crash/${name}:${tag}`));
  return tags.length === 0 ? "nothing pushed" : `pushed ${tags.join(" and ")}`;
}
