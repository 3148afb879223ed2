/** The protocol in every interleaving: the real code of launcher and sidecar with a model of the volume. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { launch } from "launcher/launch";
import type { LaunchContext } from "launcher/launch-context";
import type { LaunchPlan } from "launcher/launch-plan";
import { parseReference } from "oras-push/oci/reference";
import type { KeepPolicy } from "oras-push/sidecar/run-outcome";
import { runSidecar } from "oras-push/sidecar/sidecar";
import type { PushOrder } from "oras-push/sidecar/sidecar-context";
import { ToolError } from "shared/cli/tool-error";
import { SHARE } from "shared/pod/markers";
import { explore, nameOf, type Scenario, type Side, type State } from "../support/model/explore.ts";
import type { Life, Seams } from "../support/model/process.ts";
import { OUTPUTS, outputContent } from "../support/model/world.ts";

const TAG = "registry.example/repository:tag";
const silent = () => {};

interface Pod {
  /** The application's exit code at each start of the launcher. */
  readonly exitCodes: readonly number[];
  readonly inputs: boolean;
  readonly waitPush: boolean;
  readonly native: boolean;
  readonly policy: KeepPolicy;
}

const POD: Pod = { exitCodes: [0], inputs: false, waitPush: false, native: false, policy: "push" };

function launcherLife(pod: Pod, start: number): Life {
  return async ({ perform, volume, sidecarGone }) => {
    const plan: LaunchPlan = {
      share: volume.folder,
      input: pod.inputs ? "/input" : undefined,
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
      run: async () => {
        await perform({ do: "begin application" });
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
    };
    const never = new AbortController().signal;
    const context = { volume, signal: never, terminating: pod.native ? ending : never, waitLog: silent, warn: silent };
    const steps = {
      takeLease: async () => void (await perform({ do: "take sidecar's lease" })),
      pull: async () => {
        await perform({ do: "pull" });
        return [{ reference: "registry.example/input:tag", digest: "sha256:0" }];
      },
      lease,
      settle: async () => void (await perform({ do: "settle" })),
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

/** The exit code of the attempt whose two complete outputs are the content; undefined for any other content. */
function exitCodeOfOutputs(content: string | undefined, pod: Pod): number | undefined {
  for (const [index, exitCode] of pod.exitCodes.entries()) {
    const output = outputContent(nameOf("launcher", index + 1), true);
    if (content === `${output}, ${output}`) return exitCode;
  }
  return undefined;
}

/** Fails with the whole state. Serializes it only then, because there are many states. */
function must(holds: boolean, what: string, state: State): void {
  if (!holds) assert.fail(`${what}: ${JSON.stringify(state, null, 1)}`);
}

/** Checks the invariants of every state. */
function checkState(state: State, pod: Pod): void {
  const { tags } = state.world;
  must(
    tags.tag === undefined || exitCodeOfOutputs(tags.tag, pod) === 0,
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
  const { outcome } = state.sidecar;
  const pushed = tags.tag !== undefined;
  must(!pod.waitPush || state.launcher.outcome !== "0" || pushed, "success of the launcher without a push", state);
  const lost = outcome?.startsWith("launcherDied") === true && state.world.markers[SHARE.done] !== undefined;
  must(!lost || pod.exitCodes.length > 1, "a done marker was lost in the race with the end of the lease", state);
  if (outcome?.startsWith("success ") !== true) return;
  if (outcome === "success unpushed") must(pod.policy === "discard", "success without a push", state);
  else {
    const tag = outcome.slice("success registry.example/repository:".length);
    must(exitCodeOfOutputs(tags[tag], pod) !== undefined, "success without a complete push", state);
  }
}

/**
 * Checks that no process waits forever, with two exceptions. A process may wait for another one that died before it left any
 * trace; timeouts exist for this case. A native sidecar waits for the end of its pod.
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
  const found = await explore(scenario, (state) => checkState(state, pod));
  for (const end of found.ends) checkEnd(end, pod);
  return found;
}

/** Restarts failed processes, as the kubelet does with restartPolicy OnFailure, up to a number of starts for each side. */
function onFailure(starts: Readonly<Record<Side, number>>): Scenario["restarts"] {
  return ({ state, start, outcome }, side) => {
    const succeeded = state === "ended" && (outcome === "0" || outcome?.startsWith("success ") === true);
    return !succeeded && start < starts[side];
  };
}

const SCENARIOS: readonly (readonly [string, Pod, Partial<Scenario>])[] = [
  ["launcher and sidecar may die", POD, { deaths: { launcher: 1, sidecar: 1 } }],
  ["the application fails", { ...POD, exitCodes: [3] }, { deaths: { launcher: 1, sidecar: 1 } }],
  ["the launcher dies, and incomplete outputs are discarded", { ...POD, policy: "discard" }, {}],
  ["the application fails, and its outputs are discarded", { ...POD, exitCodes: [3], policy: "discard" }, {}],
  [
    "launcher and sidecar are restarted",
    { ...POD, exitCodes: [0, 0] },
    { deaths: { launcher: 1, sidecar: 1 }, restarts: onFailure({ launcher: 2, sidecar: 2 }) },
  ],
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
  ["the sidecar is native", { ...POD, native: true }, { deaths: { launcher: 1, sidecar: 1 }, podEnds: true }],
  [
    "the sidecar is native, and a failed application runs again",
    { ...POD, native: true, exitCodes: [3, 0] },
    { deaths: { launcher: 0, sidecar: 0 }, restarts: onFailure({ launcher: 2, sidecar: 1 }), podEnds: true },
  ],
];

describe("every interleaving", () => {
  for (const [name, pod, limits] of SCENARIOS)
    it(`has no deadlock and no success without a complete push: ${name}`, async (context) => {
      const { states, ends } = await exploreAll(pod, limits);
      context.diagnostic(`${states} states, ${ends.length} ends`);
      assert.ok(ends.length > 0);
    });
});
