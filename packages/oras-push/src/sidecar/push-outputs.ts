import { relative } from "node:path";
import type { Log } from "shared/cli/log";
import { describeError } from "shared/cli/tool-error";
import type { PushResult } from "../artifact/push.ts";
import { type PushedArtifact, pushedObject } from "../artifact/result.ts";
import type { TransferContext } from "../artifact/transfer.ts";
import type { LayerPath } from "../layer/layer-path.ts";
import { NotMountableError } from "../layer/mountable-entries.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { podAnnotations } from "./provenance.ts";
import { MAX_REASON } from "./run-outcome.ts";
import type { PushOrder } from "./sidecar-context.ts";
import type { SidecarPlan } from "./sidecar-plan.ts";

/** The maximum number of unreadable paths to list in the log and in the artifact. */
const MAX_NAMED = 100;

/**
 * Pushes the outputs of an attempt as one artifact. If `partial` is false, this function throws `noInput` for the first
 * unreadable path. If `partial` is true, this function skips unreadable paths, and throws `noInput` only if nothing can
 * be read. The skipped paths appear in the log and in the annotation {@link ANNOTATIONS.reason}. If the plan asks for a
 * mountable artifact, but the outputs cannot be mounted, this function logs a warning, and pushes an artifact that is
 * not mountable.
 */
export async function pushOutputs(
  { reference, paths, mediaTypes, annotations, partial, confirm }: PushOrder,
  plan: SidecarPlan,
  context: TransferContext,
): Promise<PushedArtifact> {
  const { pushArtifact } = await import("../artifact/push-artifact.ts");
  const outputs = paths.map((path) => ({ path, mediaType: mediaTypes.get(relative(plan.share, path)) }));
  const { layers, reason } = partial ? await readableLayers(outputs, context.warn) : { layers: outputs };
  const provenance = { ...podAnnotations(context.env), ...withReason(annotations, reason) };
  const artifact = { ...plan, annotations: { ...provenance, ...plan.annotations }, skipUnreadable: partial };
  const push = (mountable: boolean) => pushArtifact([reference], layers, { ...artifact, mountable }, context, confirm);
  const [pushed] = await push(plan.mountable === true).catch((error: unknown) => {
    // Pushes the outputs even if no pod can mount the artifact.
    if (!(error instanceof NotMountableError)) throw error;
    context.warn(`the artifact is pushed, but is not mountable: ${describeError(error)}`);
    return push(false);
  });
  return pushedObject(pushed as PushResult);
}

/**
 * Returns the layers whose path can be read. In the result, `reason` contains the errors of the unreadable paths, at
 * most {@link MAX_NAMED}. Throws the first of these errors if no path can be read.
 */
async function readableLayers(
  paths: readonly LayerPath[],
  warn: Log,
): Promise<{ readonly layers: readonly LayerPath[]; readonly reason?: string }> {
  const { readablePart } = await import("../layer/readable-part.ts");
  const { paths: layers, failures } = readablePart(paths);
  const [first] = failures;
  if (first === undefined) return { layers };
  if (layers.length === 0) throw first;
  const named = failures.slice(0, MAX_NAMED).map(describeError);
  for (const line of named) warn(line);
  if (failures.length > named.length) warn(`cannot read ${failures.length - named.length} more paths`);
  return { layers, reason: named.join("; ") };
}

function withReason(annotations: Annotations, reason: string | undefined): Annotations {
  if (reason === undefined) return annotations;
  const reasons = [annotations[ANNOTATIONS.reason], reason].filter((text) => text !== undefined);
  return { ...annotations, [ANNOTATIONS.reason]: reasons.join("; ").slice(0, MAX_REASON) };
}
