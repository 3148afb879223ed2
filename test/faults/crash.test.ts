/**
 * Sends SIGKILL to a random process of a pod at a random time. Every pod must end, and no pod may succeed without its
 * artifact. Some pods have an unreadable output, run as two users, or push to a registry that refuses requests for a
 * while.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { parseDoneMarker, SHARE } from "shared/pod/markers";
import { type MemoryRegistry, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { type ProcessResult, type RunningProcess, sharedToolPath, start, type Tool } from "../../support/tools.ts";
import { killProcess } from "../support/pod.ts";
import { randomNumbers } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { FAULT_TIME, faultsByRepository, REGISTRY_FAULTS, type RegistryFault } from "./crash-faults.ts";

/** The number of pods. The default is 90. A full run sets CRASH_RUNS=300. */
const RUNS = Number(process.env.CRASH_RUNS ?? 90);
const AT_ONCE = 6;
/** The time limit of a pod, in milliseconds. A usual run takes less than two seconds. */
const LIMIT = 30_000;

/** The application writes one file for each of these numbers. */
const PARTS = [1, 2, 3, 4, 5, 6, 7, 8] as const;

const VICTIMS = ["launcher", "application", "sidecar"] as const;
type Victim = (typeof VICTIMS)[number];

/** The random choices for one run. */
interface Draw {
  readonly name: string;
  readonly victim: Victim;
  /** The time between the start and the kill of the victim, in milliseconds. Undefined if no process is killed. */
  readonly killAfter: number | undefined;
  /** Whether a failed sidecar is restarted, as with restartPolicy OnFailure. */
  readonly restarts: boolean;
  /** Whether the launcher waits for the push. */
  readonly waitPush: boolean;
  /** Whether launcher and sidecar run as two users, with umask 077. */
  readonly twoUsers: boolean;
  /** Whether the application writes a file that its own user cannot read. */
  readonly unreadable: boolean;
  readonly fault: RegistryFault;
}

const UNDISTURBED = {
  victim: "launcher",
  killAfter: undefined,
  restarts: false,
  waitPush: true,
  twoUsers: false,
  unreadable: false,
  fault: "none",
} as const satisfies Omit<Draw, "name">;

/** The users of the processes. Only root can start processes as other users. */
const USERS = { launcher: { uid: 1000, gid: 1000 }, sidecar: { uid: 65532, gid: 65532 } } as const;
const IS_ROOT = process.getuid?.() === 0;

const folder = temporaryFolder({ after });
const faults = new Map<string, RegistryFault>();
let registry: MemoryRegistry;

before(async () => {
  chmodSync(folder, 0o755);
  registry = await startMemoryRegistry();
  registry.intercept(faultsByRepository((repository) => faults.get(repository) ?? "none"));
});
after(() => registry.close());

it(`${RUNS} pods with a kill at a random time neither hang nor succeed without their artifact`, async (context) => {
  const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
  context.diagnostic(`seed ${seed} (set CRASH_SEED to repeat it)`);
  const random = randomNumbers(seed);
  const life = await lifetime();
  context.diagnostic(`a pod without a kill runs for ${Math.round(life)} ms: the kills happen within that time`);
  const draws = Array.from({ length: RUNS }, (_, index) => drawPod(`run-${index}`, random, life));
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
  context.diagnostic(describeDraws(draws));
});

function describeDraws(draws: readonly Draw[]): string {
  const count = (chosen: (draw: Draw) => boolean) => draws.filter(chosen).length;
  return [
    `${count(({ twoUsers }) => twoUsers)} pods with two users`,
    `${count(({ unreadable }) => unreadable)} with an unreadable file`,
    ...REGISTRY_FAULTS.map((fault) => `${count((draw) => draw.fault === fault)} with the registry fault ${fault}`),
  ].join(", ");
}

function drawPod(name: string, random: () => number, life: number): Draw {
  const victim = VICTIMS[Math.floor(random() * VICTIMS.length)] as Victim;
  const [restarts, waitPush] = [random() < 0.5, random() < 0.5];
  const fault = random() < 0.6 ? "none" : (REGISTRY_FAULTS[1 + Math.floor(random() * 2)] as RegistryFault);
  const killAfter = random() * (life + (fault === "none" ? 0 : FAULT_TIME));
  const twoUsers = IS_ROOT && random() < 0.5;
  // Root can read every file.
  const unreadable = (twoUsers || !IS_ROOT) && random() < 0.4;
  return { name, victim, killAfter, restarts, waitPush, twoUsers, unreadable, fault };
}

/**
 * Runs `AT_ONCE` pods at the same time without a kill. Returns the time until all of them have ended, in milliseconds.
 */
async function lifetime(): Promise<number> {
  const begin = performance.now();
  const pods = Array.from({ length: AT_ONCE }, (_, index) => runPod({ ...UNDISTURBED, name: `undisturbed-${index}` }));
  for (const outcome of await Promise.all(pods))
    assert.equal(outcome, "launcher exits with 0, sidecar exits with 0, pushed t");
  return performance.now() - begin;
}

/** Runs one pod to its end, and compares the tools' messages with the registry. Returns the outcome in words. */
async function runPod(draw: Draw): Promise<string> {
  const pod = join(folder, draw.name);
  const share = join(pod, "share");
  mkdirSync(share, { recursive: true });
  for (const path of [pod, share]) chmodSync(path, 0o777);
  faults.set(`crash/${draw.name}`, draw.fault);
  const launcher = startIn(pod, draw, "launcher", launcherArguments(draw));
  const started: RunningProcess[] = [launcher];
  const startSidecar = (): RunningProcess => {
    const reference = `${registry.address}/crash/${draw.name}:t`;
    const running = startIn(pod, draw, "oras-push", ["sidecar", "NA", reference, "--start-timeout", "2"]);
    started.push(running);
    return running;
  };
  const sidecar = startSidecar();
  const act = () => strike(draw.victim, launcher, sidecar, pod);
  const timer = draw.killAfter === undefined ? undefined : setTimeout(act, draw.killAfter);
  const ended = (async () => {
    const first = await sidecar.ended;
    const pushed = draw.restarts && first.code !== 0 ? await startSidecar().ended : first;
    return { launched: await launcherEnd(launcher, share), pushed };
  })();
  const { launched, pushed } = await withinLimit(ended, draw).finally(() => {
    clearTimeout(timer);
    for (const { child } of started) child.kill("SIGKILL");
  });
  check(draw, launched, pushed);
  checkSaved(draw, share, pushed);
  rmSync(pod, { recursive: true, force: true });
  return `launcher ${describeEnd(launched)}, sidecar ${describeEnd(pushed)}, ${describeTags(draw.name)}`;
}

function launcherArguments({ waitPush, unreadable }: Draw): string[] {
  const closed = unreadable ? "echo 1 > copied/closed; chmod 0 copied/closed;" : "";
  const script = `echo $$ > pid; for i in ${PARTS.join(" ")}; do echo $i > share/part-$i; sleep 0.02; done; mkdir copied; ${closed} echo end > copied/end`;
  const outputs = PARTS.flatMap((part) => ["--output", `share/part-${part}`]);
  const waiting = waitPush ? ["--wait-push", "--sidecar-timeout", "1"] : [];
  return ["-q", ...waiting, ...outputs, "--output", "copied", "--", "sh", "-c", script];
}

/** Starts a tool in the pod's folder. `twoUsers` determines the user and the umask of the tool. */
function startIn(pod: string, { twoUsers }: Draw, tool: Tool, args: readonly string[]): RunningProcess {
  const user = tool === "launcher" ? USERS.launcher : USERS.sidecar;
  const env = { ORAS_SHARE: join(pod, "share"), PATH: process.env.PATH };
  const script = `umask ${twoUsers ? "077" : "022"}; exec "$0" "$@"`;
  return start("sh", ["-c", script, sharedToolPath(tool), ...args], { cwd: pod, env, ...(twoUsers ? user : {}) });
}

/** Kills the victim. If the victim is the launcher, also kills the application, as the end of a container does. */
function strike(victim: Victim, launcher: RunningProcess, sidecar: RunningProcess, pod: string): void {
  if (victim === "sidecar") sidecar.child.kill("SIGKILL");
  if (victim === "launcher") launcher.child.kill("SIGKILL");
  if (victim !== "sidecar" && existsSync(join(pod, "pid"))) {
    const pid = Number(readFileSync(join(pod, "pid"), "utf8"));
    if (pid > 0) killProcess(pid);
  }
}

/**
 * Waits for the end of a launcher whose sidecar has ended. If the sidecar died without a lease, the launcher waits
 * until this function sends SIGTERM.
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
  const story = `${JSON.stringify(draw)} ${launched.stderr} ${pushed.stderr}`;
  if (draw.unreadable) checkUnreadable(draw, launched, pushed, story);
  if (tags.includes("t"))
    assert.deepEqual(contentOf(draw.name, "t"), expectedContent(), `the tag is incomplete: ${story}`);
  if (draw.waitPush && launched.code === 0)
    assert.ok(tags.includes("t"), `the launcher waits for the push and succeeds without it: ${story}`);
  const named = pushedTag(pushed);
  if (named !== undefined) assert.ok(tags.includes(named), `a push without its tag: ${story}`);
  if (pushed.code === 0) assert.ok(named === "t" || named === "t-failed", `a success pushed ${named}: ${story}`);
}

/** If the sidecar succeeded, checks that its artifact contains what the launcher saved, and nothing else. */
function checkSaved({ name }: Draw, share: string, pushed: ProcessResult): void {
  if (pushed.code !== 0) return;
  const content = contentOf(name, pushedTag(pushed) ?? "") ?? {};
  const saved = parseDoneMarker(readFileSync(join(share, SHARE.done), "utf8"))?.outputs ?? [];
  assert.deepEqual(Object.keys(content).sort(), saved.map(({ path }) => basename(path)).sort(), name);
  for (const { path } of saved)
    if (path.startsWith("part"))
      assert.equal(content[path], readFileSync(join(share, path), "utf8"), `${name}: ${path}`);
}

/**
 * A run with an unreadable file is never a success. If the launcher saved the outputs and the sidecar pushed them, the
 * artifact has all other files.
 */
function checkUnreadable(draw: Draw, launched: ProcessResult, pushed: ProcessResult, story: string): void {
  const killed = { application: [137], launcher: [null], sidecar: [] };
  const codes: readonly (number | null)[] = [66, ...killed[draw.victim]];
  assert.ok(codes.includes(launched.code), `the launcher exits with ${launched.code}: ${story}`);
  assert.equal(contentOf(draw.name, "t"), undefined, `the tag of a success: ${story}`);
  const saved = launched.code === 66 && /cannot read .*copied\/closed/.test(launched.stderr);
  if (!saved || pushed.code !== 66 || pushedTag(pushed) === undefined) return;
  assert.deepEqual(contentOf(draw.name, "t-incomplete"), expectedContent(), `a readable output is missing: ${story}`);
}

/** The tag that a sidecar reports as pushed. */
function pushedTag({ stdout }: ProcessResult): string | undefined {
  return /^Pushed \[registry\] \S+:(\S+)$/m.exec(stdout)?.[1];
}

/**
 * Maps the title of each layer of a tag to its content: the text of a file, or "whole" for a complete folder. For an
 * incomplete folder, the content is the digest of the layer.
 */
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
  const parts = PARTS.map((part) => [`part-${part}`, `${part}\n`]);
  return { ...Object.fromEntries(parts), copied: "whole" };
}

function describeEnd({ code, signal }: ProcessResult): string {
  return signal === null ? `exits with ${code}` : "is killed";
}

function describeTags(name: string): string {
  const tags = ["t", "t-failed", "t-incomplete"].filter((tag) => registry.manifests.has(`crash/${name}:${tag}`));
  return tags.length === 0 ? "nothing pushed" : `pushed ${tags.join(" and ")}`;
}
