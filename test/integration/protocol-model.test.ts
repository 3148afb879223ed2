/**
 * The protocol in every interleaving. The real code of launcher and sidecar runs with a model of the volume.
 * `PROTOCOL_MODEL=full` adds long scenarios.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chooseCheckpoint } from "launcher/checkpoints/restore";
import { launch } from "launcher/launch";
import type { LaunchContext } from "launcher/launch-context";
import type { LaunchPlan } from "launcher/launch-plan";
import { parseReference } from "oras-push/oci/reference";
import type { KeepPolicy } from "oras-push/sidecar/run-outcome";
import { runSidecar } from "oras-push/sidecar/sidecar";
import type { CheckpointOrder, FoundInput, PushOrder } from "oras-push/sidecar/sidecar-context";
import { ToolError } from "shared/cli/tool-error";
import { parseCheckpointMarker } from "shared/pod/checkpoint-markers";
import { type CheckpointMarker, type ResumeMode, SHARE } from "shared/pod/markers";
import { explore, nameOf, type Scenario, type Side, type State } from "../support/model/explore.ts";
import type { Life, Seams } from "../support/model/process.ts";
import {
  checkpointContent,
  checkpointFolder,
  EMPTY_WORLD,
  numberOf,
  OUTPUTS,
  outputContent,
} from "../support/model/world.ts";

const TAG = "registry.example/repository:tag";
/** The only input of a step. The model pulls no bytes, so the source is never used. */
const INPUT: FoundInput = {
  reference: parseReference("registry.example/input:tag"),
  digest: `sha256:${"0".repeat(64)}`,
  subfolder: undefined,
  source: { fetchManifest: () => assert.fail(), fetchBlob: () => assert.fail() },
};
const silent = () => {};

interface Pod {
  /** The application's exit code at each start of the launcher. */
  readonly exitCodes: readonly number[];
  readonly inputs: boolean;
  readonly waitPush: boolean;
  readonly native: boolean;
  readonly skipDone: boolean;
  /** Whether the registry has the output of an earlier successful run. */
  readonly finished: boolean;
  /** Whether the launcher takes one checkpoint in each attempt. */
  readonly checkpoints: boolean;
  readonly resume: ResumeMode | undefined;
  readonly policy: KeepPolicy;
}

/** The content of a tag that an earlier run wrote. */
const FINISHED = "the output of an earlier run";

/** The patterns of every checkpoint. */
const PATTERNS = ["/state"];

/** A checkpoint of an earlier pod. */
const EARLIER_CHECKPOINT = checkpointContent("earlier", 3);

const POD: Pod = {
  exitCodes: [0],
  inputs: false,
  waitPush: false,
  native: false,
  skipDone: false,
  finished: false,
  checkpoints: false,
  resume: undefined,
  policy: "push",
};

function launcherLife(pod: Pod, start: number): Life {
  return async ({ perform, volume, sidecarGone }) => {
    const plan: LaunchPlan = {
      share: volume.folder,
      input: pod.inputs ? "/input" : undefined,
      skipDone: pod.skipDone,
      checkpoints: pod.checkpoints ? PATTERNS : [],
      checkpointSeconds: 1,
      outputs: [{ path: OUTPUTS.direct }, { path: OUTPUTS.copied }],
      allowMissingOutput: false,
      outputPipe: undefined,
      logs: false,
      command: ["application"],
      initTimeoutSeconds: undefined,
      sidecarTimeoutSeconds: 1,
      timeoutSeconds: undefined,
      graceSeconds: 1,
      onlyIf: undefined,
      waitPush: pod.waitPush,
      quiet: true,
    };
    const context: LaunchContext = {
      attempt: nameOf("launcher", start),
      volume,
      signals: { listen: silent },
      waitLog: silent,
      warn: silent,
    };
    let newest = 0;
    const code = await launch(plan, context, {
      takeLease: async () => {
        await perform({ do: "take lease" });
        return { release: async () => void (await perform({ do: "release lease" })) };
      },
      sidecarLease: async () => ({ kind: "none" }),
      sidecarGone,
      prepareOutputs: async () => {
        await perform({ do: "clear copies" });
        return [OUTPUTS.direct, OUTPUTS.copied];
      },
      placeInputs: async () => void (await perform({ do: "place inputs" })),
      restore: async (init) => {
        const local = await volume.read(SHARE.checkpoint, parseCheckpointMarker);
        newest = Math.max(local?.number ?? 0, init.lastCheckpoint ?? 0);
        const chosen = chooseCheckpoint(init, local);
        if (chosen === undefined) return undefined;
        await perform({ do: "restore checkpoint", folder: chosen.folder });
        return chosen.number;
      },
      run: async () => {
        await perform({ do: "begin application" });
        if (pod.checkpoints) {
          const number = newest + 1;
          await perform({ do: "copy state", number });
          await volume.write(SHARE.checkpoint, checkpointMarker(context.attempt, number));
        }
        await perform({ do: "end application" });
        return { end: { kind: "exited", exitCode: pod.exitCodes[start - 1] ?? 0 }, timedOut: false, reason: null };
      },
      finishLogs: async () => [],
      flush: async () => {},
      resolveOutputs: () => [OUTPUTS.direct, OUTPUTS.copied].map((path) => ({ output: { path }, paths: [path] })),
      save: async (path) => {
        if (path === OUTPUTS.copied) await perform({ do: "save copy" });
        return [{ path, files: 1, bytes: 1 }];
      },
      saveTogether: async () => [],
    });
    return String(code);
  };
}

function checkpointMarker(attempt: string, number: number): CheckpointMarker {
  return { schema: 1, attempt, number, patterns: PATTERNS, files: 1, bytes: 1, takenAt: "" };
}

function sidecarLife(pod: Pod): Life {
  return async ({ perform, volume, lease, ending }) => {
    const options = {
      pullFrom: pod.inputs ? [parseReference("registry.example/input:tag")] : [],
      pushTo: parseReference(TAG),
      startTimeoutSeconds: undefined,
      timeoutSeconds: undefined,
      failedRun: pod.policy,
      incompleteRun: pod.policy,
      native: pod.native,
      skipDone: pod.skipDone,
      resume: pod.resume,
      cacheKey: undefined,
    };
    const never = new AbortController().signal;
    const context = { volume, signal: never, terminating: pod.native ? ending : never, waitLog: silent, warn: silent };
    const steps = {
      takeLease: async () => void (await perform({ do: "take sidecar's lease" })),
      findInputs: async () => [INPUT],
      findFinishedRun: async () => {
        const digest = await perform({ do: "see tag", tag: "tag" });
        return digest === null ? undefined : { reference: TAG, digest };
      },
      pull: async () => void (await perform({ do: "pull" })),
      pullCheckpoint: async () => {
        const content = await perform({ do: "see tag", tag: "tag-checkpoint" });
        if (content === null) return {};
        await perform({ do: "pull checkpoint", content });
        const number = numberOf(content);
        return { checkpoint: { number, patterns: PATTERNS }, lastCheckpoint: number };
      },
      pushCheckpoint: (order: CheckpointOrder) => pushCheckpoint(perform, order),
      lease,
      settle: async () => void (await perform({ do: "settle" })),
      // In the model, the sidecar's wait for another launcher can time out at any moment.
      expectLauncher: async (started: () => Promise<true | undefined>) => (await started()) === true,
      savedOutputs: async ({ outputs }: { outputs: readonly string[] | null }) => outputs ?? [],
      push: (order: PushOrder) => push(perform, order),
    };
    const { pushed, failure } = await runSidecar(options, context, steps, silent);
    return `${failure === undefined ? "success" : failure.code} ${pushed?.reference ?? "unpushed"}`;
  };
}

async function push(perform: Seams["perform"], { reference, paths, confirm }: PushOrder) {
  const content: string[] = [];
  for (const path of paths) {
    const read = await perform({ do: "read output", path });
    if (read === null) throw new ToolError("noInput", `${path} is missing`);
    content.push(read);
  }
  await confirm();
  await perform({ do: "tag", tag: reference.tag ?? "", content: content.join(", ") });
  return { reference: `registry.example/repository:${reference.tag}`, digest: content.join(", ") };
}

async function pushCheckpoint(perform: Seams["perform"], { reference, checkpoint, confirm }: CheckpointOrder) {
  const content = await perform({ do: "read checkpoint", folder: checkpointFolder(checkpoint.number) });
  if (content === null) throw new ToolError("noInput", "the checkpoint is missing");
  await confirm();
  await perform({ do: "tag", tag: reference.tag ?? "", content });
  return { reference: `registry.example/repository:${reference.tag}`, digest: content };
}

/**
 * If `content` is the two complete outputs of one attempt, returns the exit code of this attempt. Otherwise, returns
 * undefined.
 */
function exitCodeOfOutputs(content: string | undefined, pod: Pod): number | undefined {
  for (const [index, exitCode] of pod.exitCodes.entries()) {
    const output = outputContent(nameOf("launcher", index + 1), true);
    if (content === `${output}, ${output}`) return exitCode;
  }
  return undefined;
}

/**
 * Fails with the whole state if `holds` is false. Serializes the state only in this case, because the model checks many
 * states.
 */
function must(holds: boolean, what: string, state: State): void {
  if (!holds) assert.fail(`${what}: ${JSON.stringify(state, null, 1)}`);
}

/** Checks the invariants of every state. */
function checkState(state: State, pod: Pod): void {
  const { tags } = state.world;
  must(!pod.finished || Object.keys(state.world.outputs).length === 0, "a skipped run started", state);
  must(
    tags.tag === undefined || tags.tag === FINISHED || exitCodeOfOutputs(tags.tag, pod) === 0,
    "the tag does not name the complete output of a success",
    state,
  );
  const failed = tags["tag-failed"];
  must(
    failed === undefined || (exitCodeOfOutputs(failed, pod) ?? 0) !== 0,
    "the tag for failures does not name the output of a failure",
    state,
  );
  must(
    tags["tag-incomplete"] === undefined || state.deaths.launcher > 0,
    "an incomplete output without a death",
    state,
  );
  checkCheckpoints(state, pod);
  const { outcome } = state.sidecar;
  const pushed = tags.tag !== undefined;
  must(!pod.waitPush || state.launcher.outcome !== "0" || pushed, "success of the launcher without a push", state);
  const lost = outcome?.startsWith("launcherDied") === true && state.world.markers[SHARE.done] !== undefined;
  must(!lost || pod.exitCodes.length > 1, "a done marker was lost in the race with the end of the lease", state);
  if (outcome?.startsWith("success ") !== true) return;
  if (outcome === "success unpushed") must(pod.policy === "discard" || pod.finished, "success without a push", state);
  else {
    const tag = outcome.slice("success registry.example/repository:".length);
    must(exitCodeOfOutputs(tags[tag], pod) !== undefined, "success without a complete push", state);
  }
}

/** Checks that no checkpoint is lost, and that each restored checkpoint was the newest complete checkpoint. */
function checkCheckpoints({ world, ...state }: State, pod: Pod): void {
  const all = { world, ...state };
  const number = numberOf(world.tags["tag-checkpoint"]);
  must(pod.resume === undefined || number >= 3, "an older checkpoint replaced a newer one", all);
  for (const word of world.restored) must(word === "newest", "a resume from a checkpoint that is not the newest", all);
}

/**
 * Checks that no process waits forever. Only two waits are allowed. A native sidecar can wait for the end of its pod.
 * Any process can wait for another process that died and left no trace on the volume. In a real pod, a timeout can end
 * this second wait.
 */
function checkEnd(state: State, pod: Pod): void {
  const { launcher, sidecar, world, ending } = state;
  const unseen = launcher.state === "dead" && world.lease.kind === "none" && world.markers[SHARE.started] === undefined;
  const noSidecar = sidecar.state === "dead" && world.sidecarLease.kind === "none";
  must(launcher.state !== "running" || noSidecar, "the launcher waits", state);
  must(sidecar.state !== "running" || unseen || (pod.native && !ending), "the sidecar waits", state);
}

async function exploreAll(pod: Pod, limits: Partial<Scenario>) {
  const life = (side: Side, start: number) => (side === "launcher" ? launcherLife(pod, start) : sidecarLife(pod));
  const scenario = { life, deaths: { launcher: 1, sidecar: 0 }, restarts: () => false, podEnds: false, ...limits };
  const tags = {
    ...(pod.finished ? { tag: FINISHED } : {}),
    ...(pod.resume === undefined ? {} : { "tag-checkpoint": EARLIER_CHECKPOINT }),
  };
  const world = { ...EMPTY_WORLD, tags };
  const unwritten = pod.checkpoints ? [] : [SHARE.checkpoint];
  const found = await explore({ ...scenario, world, unwritten }, (state) => checkState(state, pod));
  for (const end of found.ends) checkEnd(end, pod);
  return found;
}

/**
 * Restarts failed processes, as the kubelet does with restartPolicy OnFailure. `starts` limits the number of starts of
 * each side.
 */
function onFailure(starts: Readonly<Record<Side, number>>): Scenario["restarts"] {
  return ({ state, start, outcome }, side) => {
    const succeeded = state === "ended" && (outcome === "0" || outcome?.startsWith("success ") === true);
    return !succeeded && start < starts[side];
  };
}

/**
 * Restarts the sidecar after every end, but the launcher only after a failure, as the kubelet does in a pod with a
 * native sidecar. `starts` limits the number of starts of each side.
 */
function native(starts: Readonly<Record<Side, number>>): Scenario["restarts"] {
  const failed = onFailure(starts);
  return (process, side) => (side === "sidecar" ? process.start < starts.sidecar : failed(process, side));
}

const SCENARIOS: readonly (readonly [string, Pod, Partial<Scenario>])[] = [
  ["launcher and sidecar may die", POD, { deaths: { launcher: 1, sidecar: 1 } }],
  ["the application fails", { ...POD, exitCodes: [3] }, { deaths: { launcher: 1, sidecar: 1 } }],
  ["the launcher dies, and incomplete outputs are discarded", { ...POD, policy: "discard" }, {}],
  ["the application fails, and its outputs are discarded", { ...POD, exitCodes: [3], policy: "discard" }, {}],
  [
    "a failed application runs again while its output is pushed",
    { ...POD, exitCodes: [3, 0] },
    { deaths: { launcher: 0, sidecar: 1 }, restarts: onFailure({ launcher: 2, sidecar: 2 }) },
  ],
  [
    "the launcher waits for inputs and for the push",
    { ...POD, inputs: true, waitPush: true },
    { deaths: { launcher: 1, sidecar: 1 }, restarts: onFailure({ launcher: 1, sidecar: 2 }) },
  ],
  [
    "the launcher waits for the push, and the sidecar may be restarted",
    { ...POD, waitPush: true },
    { deaths: { launcher: 0, sidecar: 2 }, restarts: onFailure({ launcher: 1, sidecar: 2 }) },
  ],
  [
    "the launcher waits for inputs, and the sidecar dies without a restart",
    { ...POD, inputs: true },
    { deaths: { launcher: 0, sidecar: 1 } },
  ],
  [
    "the launcher asks whether the run is done, and it is not",
    { ...POD, skipDone: true, waitPush: true },
    { deaths: { launcher: 1, sidecar: 1 }, restarts: onFailure({ launcher: 1, sidecar: 2 }) },
  ],
  [
    "the run is already done",
    { ...POD, exitCodes: [0, 0], skipDone: true, finished: true, waitPush: true },
    { deaths: { launcher: 1, sidecar: 1 }, restarts: onFailure({ launcher: 1, sidecar: 2 }) },
  ],
  [
    "the run is already done, and the sidecar is native",
    { ...POD, exitCodes: [0, 0], skipDone: true, finished: true, native: true },
    { deaths: { launcher: 1, sidecar: 0 }, restarts: onFailure({ launcher: 2, sidecar: 1 }), podEnds: true },
  ],
  [
    "the launcher takes a checkpoint, and the sidecar pushes it",
    { ...POD, checkpoints: true },
    { deaths: { launcher: 1, sidecar: 1 } },
  ],
  [
    "a failed application is resumed from the newest checkpoint",
    { ...POD, exitCodes: [3, 0], checkpoints: true, resume: "required", native: true, policy: "discard" },
    { deaths: { launcher: 0, sidecar: 0 }, restarts: onFailure({ launcher: 2, sidecar: 1 }) },
  ],
  [
    "a sidecar dies while it pulls or pushes a checkpoint",
    { ...POD, checkpoints: true, resume: "required" },
    { deaths: { launcher: 0, sidecar: 1 }, restarts: onFailure({ launcher: 1, sidecar: 2 }) },
  ],
  [
    "a dead launcher is resumed from the newest checkpoint, and the sidecar is restarted",
    { ...POD, exitCodes: [0, 0], checkpoints: true, resume: "required", policy: "discard" },
    { deaths: { launcher: 1, sidecar: 0 }, restarts: onFailure({ launcher: 2, sidecar: 2 }) },
  ],
  ["the sidecar is native", { ...POD, native: true }, { deaths: { launcher: 1, sidecar: 1 }, podEnds: true }],
  [
    "a native sidecar is restarted, and may miss SIGTERM",
    { ...POD, native: true, waitPush: true },
    { deaths: { launcher: 1, sidecar: 1 }, restarts: native({ launcher: 1, sidecar: 3 }), podEnds: true },
  ],
  [
    "a failed application runs again, and its native sidecar ends and is restarted in the meantime",
    { ...POD, native: true, exitCodes: [3, 0] },
    { deaths: { launcher: 0, sidecar: 0 }, restarts: native({ launcher: 2, sidecar: 2 }), podEnds: true },
  ],
];

/** Scenarios with so many interleavings that they run only on request. */
const LONG_SCENARIOS: typeof SCENARIOS = [
  [
    "launcher and sidecar are restarted",
    { ...POD, exitCodes: [0, 0] },
    { deaths: { launcher: 1, sidecar: 1 }, restarts: onFailure({ launcher: 2, sidecar: 2 }) },
  ],
  [
    "a dead launcher is resumed from the newest checkpoint",
    { ...POD, exitCodes: [0, 0], checkpoints: true, resume: "required", native: true, policy: "discard" },
    { deaths: { launcher: 1, sidecar: 0 }, restarts: onFailure({ launcher: 2, sidecar: 1 }) },
  ],
];

const ALL_SCENARIOS = process.env.PROTOCOL_MODEL === "full" ? [...SCENARIOS, ...LONG_SCENARIOS] : SCENARIOS;

describe("every interleaving", () => {
  for (const [name, pod, limits] of ALL_SCENARIOS)
    it(`has no deadlock and no success without a complete push: ${name}`, async (context) => {
      const { states, ends } = await exploreAll(pod, limits);
      context.diagnostic(`${states} states, ${ends.length} ends`);
      assert.ok(ends.length > 0);
    });
});
