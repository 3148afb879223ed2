/** A SIGKILL to anyone at any moment: the pod comes to an end, and a success is never a lie. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { SHARE } from "shared/pod/markers";
import { type MemoryRegistry, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { type Ended, type Running, startTool } from "../../support/tools.ts";
import { kill } from "../support/pod.ts";
import { temporaryFolder } from "../support/temporary.ts";

const RUNS = 300;
const AT_ONCE = 6;
/** A pod that has not ended by then hangs, in milliseconds; a usual run takes less than two seconds. */
const HANGS = 30_000;

const VICTIMS = ["launcher", "application", "sidecar"] as const;
type Victim = (typeof VICTIMS)[number];

/** A run as it is drawn. */
interface Draw {
  readonly name: string;
  readonly victim: Victim;
  /** Milliseconds after the start; never for a pod that is left alone. */
  readonly moment: number | undefined;
  /** Whether the sidecar is started again when it ends with a failure, as with restartPolicy OnFailure. */
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

it(`${RUNS} pods of which one part is killed at a random moment: none hangs, none succeeds without its artifact`, async (context) => {
  const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
  context.diagnostic(`seed ${seed} (CRASH_SEED draws the same moments again)`);
  const random = generator(seed);
  const life = await lifetime();
  context.diagnostic(`a pod that is left alone lives for ${Math.round(life)} ms: the kill comes within that time`);
  const draws = Array.from({ length: RUNS }, (_, index): Draw => {
    const victim = VICTIMS[Math.floor(random() * VICTIMS.length)] as Victim;
    return {
      name: `run-${index}`,
      victim,
      moment: random() * life,
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

/** How long a pod lives that is left alone, among as many as run at once, in milliseconds: what a machine makes of it. */
async function lifetime(): Promise<number> {
  const alone = { victim: "launcher", moment: undefined, restarts: false, waitPush: true } as const;
  const start = performance.now();
  const pods = Array.from({ length: AT_ONCE }, (_, index) => runPod({ ...alone, name: `alone-${index}` }));
  for (const outcome of await Promise.all(pods))
    assert.equal(outcome, "launcher ends with 0, sidecar ends with 0, pushed t");
  return performance.now() - start;
}

/** Runs one pod to its end, and checks what it says against the registry; gives its end in words. */
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
  const started: Running[] = [launcher];
  const startSidecar = (): Running => {
    const running = startTool("oras-push", sidecarArguments, options);
    started.push(running);
    return running;
  };
  const sidecar = startSidecar();
  const act = () => strike(draw.victim, launcher, sidecar, pod);
  const timer = draw.moment === undefined ? undefined : setTimeout(act, draw.moment);
  const ended = (async () => {
    const first = await sidecar.ended;
    const pushed = draw.restarts && first.code !== 0 ? await startSidecar().ended : first;
    return { launched: await endOfLauncher(launcher, join(pod, "share")), pushed };
  })();
  const { launched, pushed } = await inTime(ended, draw).finally(() => {
    clearTimeout(timer);
    for (const { child } of started) child.kill("SIGKILL");
  });
  check(draw, launched, pushed);
  rmSync(pod, { recursive: true, force: true });
  return `launcher ${endOf(launched)}, sidecar ${endOf(pushed)}, ${tagOf(draw.name)}`;
}

/** Kills a part of a pod; the application's death follows the launcher's, as in a container. */
function strike(victim: Victim, launcher: Running, sidecar: Running, pod: string): void {
  if (victim === "sidecar") sidecar.child.kill("SIGKILL");
  if (victim === "launcher") launcher.child.kill("SIGKILL");
  if (victim !== "sidecar" && existsSync(join(pod, "pid"))) {
    const pid = Number(readFileSync(join(pod, "pid"), "utf8"));
    if (pid > 0) kill(pid);
  }
}

/** The end of a launcher whose sidecar has ended. Where that died before it showed itself, only SIGTERM ends the wait for it. */
async function endOfLauncher(launcher: Running, share: string): Promise<Ended> {
  const release = setInterval(() => {
    const alone = existsSync(join(share, SHARE.done)) && !existsSync(join(share, SHARE.sidecarLease));
    if (alone) launcher.child.kill("SIGTERM");
  }, 100);
  return launcher.ended.finally(() => clearInterval(release));
}

async function inTime<T>(work: Promise<T>, draw: Draw): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`hangs: ${JSON.stringify(draw)}`)), HANGS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function check(draw: Draw, launched: Ended, pushed: Ended): void {
  const tags = ["t", "t-failed", "t-incomplete"].filter((tag) => contentOf(draw.name, tag) !== undefined);
  const story = `${JSON.stringify(draw)} ${pushed.stderr}`;
  if (tags.includes("t")) assert.deepEqual(contentOf(draw.name, "t"), wholeContent(), `the tag is not whole: ${story}`);
  if (draw.waitPush && launched.code === 0)
    assert.ok(tags.includes("t"), `the launcher succeeds without the push that it waits for: ${story}`);
  if (pushed.code !== 0) return;
  const named = /^Pushed \[registry\] \S+:(\S+)$/m.exec(pushed.stdout)?.[1] ?? "";
  assert.ok(named === "t" || named === "t-failed", `a success that pushed ${named}: ${story}`);
  assert.ok(tags.includes(named), `a success without its tag: ${story}`);
}

/** The layers of a tag by their titles: a digest of the file's bytes, or of the folder's archive. */
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

function wholeContent(): Record<string, string> {
  const parts = [1, 2, 3, 4, 5, 6, 7, 8].map((part) => [`part-${part}`, `${part}\n`]);
  return { ...Object.fromEntries(parts), copied: "whole" };
}

function endOf({ code, signal }: Ended): string {
  return signal === null ? `ends with ${code}` : "is gone";
}

function tagOf(name: string): string {
  const tags = ["t", "t-failed", "t-incomplete"].filter((tag) => registry.manifests.has(`crash/${name}:${tag}`));
  return tags.length === 0 ? "nothing pushed" : `pushed ${tags.join(" and ")}`;
}

/** Numbers from 0 to 1, the same ones from the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
