import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "shared/cli/tool-error";
import { makeSharedFolders } from "shared/fs/folders";
import { grantReadAccess } from "shared/fs/read-access";
import { holdLease, requireFree } from "shared/pod/lease";
import { SHARE } from "shared/pod/markers";
import type { PulledArtifact } from "../artifact/result.ts";
import { failedRunReason } from "../artifact/run-annotations.ts";
import type { TransferContext } from "../artifact/transfer.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";
import { waitForInputs } from "./input-wait.ts";
import { pushOutputs } from "./push-outputs.ts";
import { savedOutputs } from "./saved-outputs.ts";
import type { SidecarSteps } from "./sidecar-context.ts";
import type { SidecarPlan } from "./sidecar-plan.ts";

/** The time, in milliseconds, in which a starting launcher removes the markers of an earlier attempt. */
const SETTLE_TIME = 800;

/** Creates the operations of the sidecar that `plan` describes. `signal` stops a push. */
export function sidecarSteps(
  plan: SidecarPlan,
  context: TransferContext,
  lease: SidecarSteps["lease"],
  signal: AbortSignal,
): SidecarSteps {
  return {
    takeLease: async () => {
      await requireFree(join(plan.share, SHARE.sidecarLease), "sidecar");
      await holdLease(join(plan.share, SHARE.sidecarLease), context.warn);
    },
    pull: () => pullInputs(plan, context),
    lease,
    settle,
    savedOutputs: async (end) => savedOutputs(plan.share, end),
    push: (order) => pushOutputs(order, plan, { ...context, signal }),
  };
}

/** Waits for missing inputs if the plan has an input timeout. Then pulls all inputs into an empty folder. */
async function pullInputs(plan: SidecarPlan, context: TransferContext): Promise<PulledArtifact[]> {
  const { missingArtifacts, pullArtifacts } = await import("../artifact/pull-artifacts.ts");
  const check = plan.allowFailedInputs ? undefined : refuseFailedRun;
  if (plan.inputTimeoutSeconds !== undefined) {
    const missing = await missingArtifacts(plan.pullFrom, plan, context, check);
    await waitForInputs(missing, plan.inputTimeoutSeconds, context.signal, context.warn);
  }
  const folder = join(plan.share, SHARE.inputs);
  // Removes the files of an interrupted attempt. Otherwise, these files would count as inputs.
  await rm(folder, { recursive: true, force: true });
  makeSharedFolders(folder);
  const pulled = await pullArtifacts(plan.pullFrom, { folder, keepOldFiles: false }, plan, context, check);
  // The application often runs as a different user than the sidecar.
  grantReadAccess(folder, (_, failure) => {
    throw failure;
  });
  return pulled;
}

function refuseFailedRun(reference: AnyReference, annotations: Annotations): void {
  const why = failedRunReason(annotations);
  if (why === undefined) return;
  const hint = "use --allow-failed-inputs to accept this input";
  throw new ToolError("noInput", `${formatReference(reference)} cannot be used as an input`, { why, hint });
}

async function settle(signal: AbortSignal): Promise<void> {
  await sleep(SETTLE_TIME, undefined, { signal }).catch(() => signal.throwIfAborted());
}
