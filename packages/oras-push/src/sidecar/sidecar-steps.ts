import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { anySignal, deadline } from "shared/cli/deadline";
import { holdLease, requireFree } from "shared/pod/lease";
import { SHARE } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import type { TransferContext } from "../artifact/transfer.ts";
import { findFinishedRun } from "./finished-run.ts";
import { findInputs, pullInputs } from "./pull-inputs.ts";
import { pushCheckpoint } from "./push-checkpoint.ts";
import { pushOutputs } from "./push-outputs.ts";
import { pullCheckpoint } from "./resume.ts";
import { savedOutputs } from "./saved-outputs.ts";
import type { SidecarContext, SidecarSteps } from "./sidecar-context.ts";
import type { SidecarPlan } from "./sidecar-plan.ts";

/**
 * The time, in milliseconds, that the sidecar gives a starting launcher to remove the markers of an earlier attempt.
 */
const SETTLE_TIME = 800;

/**
 * The time, in seconds, that a native sidecar waits for another launcher. The sidecar waits only if an attempt ended
 * before the sidecar started. The time is longer than the 10 seconds that the kubelet waits before the first restart of
 * a failed container.
 */
const NEXT_LAUNCHER_SECONDS = 15;

/** Creates the operations of a sidecar. `plan` describes the sidecar. A push stops when `signal` aborts. */
export function sidecarSteps(
  plan: SidecarPlan,
  context: TransferContext,
  lease: SidecarSteps["lease"],
  volume: SharedVolume,
  signal: AbortSignal,
): SidecarSteps {
  return {
    takeLease: async () => {
      await requireFree(join(plan.share, SHARE.sidecarLease), "sidecar");
      await holdLease(join(plan.share, SHARE.sidecarLease), context.warn);
    },
    findInputs: () => findInputs(plan, context),
    findFinishedRun: (inputs) => findFinishedRun(inputs, plan, context),
    pull: (found) => pullInputs(found, plan, context),
    lease,
    settle,
    expectLauncher: (started, context) => expectLauncher(started, volume, context),
    savedOutputs: async (end) => savedOutputs(plan.share, end),
    pullCheckpoint: (inputs) => pullCheckpoint(inputs, plan, context),
    pushCheckpoint: (order) => pushCheckpoint(order, plan, { ...context, signal }, volume),
    push: (order) => pushOutputs(order, plan, { ...context, signal }),
  };
}

async function settle(signal: AbortSignal): Promise<void> {
  await sleep(SETTLE_TIME, undefined, { signal }).catch(() => signal.throwIfAborted());
}

async function expectLauncher(
  started: () => Promise<true | undefined>,
  volume: SharedVolume,
  { signal, terminating }: Pick<SidecarContext, "signal" | "terminating">,
): Promise<boolean> {
  const late = deadline(NEXT_LAUNCHER_SECONDS, () => "no new launcher started");
  try {
    return await volume.until(started, {
      names: [SHARE.started],
      signal: anySignal(signal, late, terminating),
    });
  } catch (error) {
    signal.throwIfAborted();
    if (terminating.aborted) return true;
    if (late?.aborted === true) return false;
    throw error;
  }
}
