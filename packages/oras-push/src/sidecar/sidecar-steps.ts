import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "shared/cli/tool-error";
import { makeSharedFolders } from "shared/fs/folders";
import { holdLease } from "shared/pod/lease";
import { SHARE } from "shared/pod/markers";
import type { PushResult } from "../artifact/push.ts";
import { type PulledArtifact, type PushedArtifact, pushedObject } from "../artifact/result.ts";
import { failedRunReason } from "../artifact/run-annotations.ts";
import type { TransferContext } from "../artifact/transfer.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";
import { waitForInputs } from "./input-wait.ts";
import { podAnnotations } from "./provenance.ts";
import { savedOutputs } from "./saved-outputs.ts";
import type { PushOrder, SidecarSteps } from "./sidecar.ts";
import type { SidecarPlan } from "./sidecar-plan.ts";

/** The time in which a starting launcher removes the markers of an earlier attempt, in milliseconds. */
const SETTLE_TIME = 800;

/** The side effects of a sidecar, for a plan. `signal` stops a push. */
export function sidecarSteps(
  plan: SidecarPlan,
  context: TransferContext,
  lease: SidecarSteps["lease"],
  signal: AbortSignal,
): SidecarSteps {
  return {
    takeLease: async () => void (await holdLease(join(plan.share, SHARE.sidecarLease), context.warn)),
    pull: () => pullInputs(plan, context),
    lease,
    settle,
    savedOutputs: async (end) => savedOutputs(plan.share, end),
    push: (order) => pushOutputs(order, plan, { ...context, signal }),
  };
}

/** Waits for missing inputs if the plan has a timeout for them. Then pulls all inputs into an empty folder. */
async function pullInputs(plan: SidecarPlan, context: TransferContext): Promise<PulledArtifact[]> {
  const { missingArtifacts, pullArtifacts } = await import("../artifact/pull-artifacts.ts");
  const check = plan.allowFailedInputs ? undefined : refuseFailedRun;
  if (plan.inputTimeoutSeconds !== undefined) {
    const missing = await missingArtifacts(plan.pullFrom, plan, context, check);
    await waitForInputs(missing, plan.inputTimeoutSeconds, context.signal, context.warn);
  }
  const folder = join(plan.share, SHARE.inputs);
  // Without this removal, files of an interrupted attempt would count as inputs.
  await rm(folder, { recursive: true, force: true });
  makeSharedFolders(folder);
  return pullArtifacts(plan.pullFrom, { folder, keepOldFiles: false }, plan, context, check);
}

async function pushOutputs(
  { reference, paths, annotations, confirm }: PushOrder,
  plan: SidecarPlan,
  context: TransferContext,
): Promise<PushedArtifact> {
  const { pushArtifact } = await import("../artifact/push-artifact.ts");
  const layers = paths.map((path) => ({ path }));
  const provenance = { ...podAnnotations(context.env), ...annotations };
  const artifact = { ...plan, annotations: { ...provenance, ...plan.annotations } };
  const [pushed] = await pushArtifact([reference], layers, artifact, context, confirm);
  return pushedObject(pushed as PushResult);
}

function refuseFailedRun(reference: AnyReference, annotations: Annotations): void {
  const why = failedRunReason(annotations);
  if (why === undefined) return;
  const hint = "use --allow-failed-inputs to accept it";
  throw new ToolError("noInput", `${formatReference(reference)} cannot be used as an input`, { why, hint });
}

async function settle(signal: AbortSignal): Promise<void> {
  await sleep(SETTLE_TIME, undefined, { signal }).catch(() => signal.throwIfAborted());
}
