import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "shared/cli/tool-error";
import { makeSharedFolders } from "shared/fs/folders";
import { holdLease } from "shared/pod/lease";
import { SHARE } from "shared/pod/markers";
import type { ArtifactContext } from "../artifact/artifact.ts";
import type { PushResult } from "../artifact/push.ts";
import { pushedObject } from "../artifact/result.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";
import type { SidecarPlan } from "../options/sidecar.ts";
import { waitForInputs } from "./input-wait.ts";
import { podAnnotations } from "./provenance.ts";
import { unfitInput } from "./run-outcome.ts";
import { savedOutputs } from "./saved-outputs.ts";
import type { SidecarSteps } from "./sidecar.ts";

/** How long an end that was there first is left alone, in milliseconds: a launcher that starts takes it back. */
const SETTLE_TIME = 800;

/** The steps of a sidecar as the command line wants them. The push goes on until `signal` ends it. */
export function sidecarSteps(
  plan: SidecarPlan,
  context: ArtifactContext,
  lease: SidecarSteps["lease"],
  signal: AbortSignal,
): SidecarSteps {
  const folder = join(plan.share, SHARE.inputs);
  return {
    takeLease: async () => void (await holdLease(join(plan.share, SHARE.sidecarLease), context.warn)),
    pull: async () => {
      const { missingArtifacts, pullArtifacts } = await import("../artifact/artifact.ts");
      const accept = plan.allowFailedInputs ? undefined : refuseUnfit;
      if (plan.inputTimeoutSeconds !== undefined) {
        const missing = await missingArtifacts(plan.pullFrom, plan, context, accept);
        await waitForInputs(missing, plan.inputTimeoutSeconds, context.signal, context.warn);
      }
      // What a try that was cut off left there would be taken for inputs.
      await rm(folder, { recursive: true, force: true });
      makeSharedFolders(folder);
      return pullArtifacts(plan.pullFrom, { folder, keepOldFiles: false }, plan, context, accept);
    },
    lease,
    settle,
    savedOutputs: async (end) => savedOutputs(plan.share, end),
    push: async ({ reference, paths, annotations, confirm }) => {
      const { pushArtifact } = await import("../artifact/artifact.ts");
      const layers = paths.map((path) => ({ path }));
      const provenance = { ...podAnnotations(context.env), ...annotations };
      const artifact = { ...plan, annotations: { ...provenance, ...plan.annotations } };
      const [pushed] = await pushArtifact([reference], layers, artifact, { ...context, signal }, confirm);
      return pushedObject(pushed as PushResult);
    },
  };
}

function refuseUnfit(reference: AnyReference, annotations: Annotations): void {
  const why = unfitInput(annotations);
  if (why === undefined) return;
  const hint = "--allow-failed-inputs takes it all the same";
  throw new ToolError("noInput", `${formatReference(reference)} is no input`, { why, hint });
}

async function settle(signal: AbortSignal): Promise<void> {
  await sleep(SETTLE_TIME, undefined, { signal }).catch(() => signal.throwIfAborted());
}
