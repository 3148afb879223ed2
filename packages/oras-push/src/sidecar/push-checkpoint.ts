import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { anySignal } from "shared/cli/deadline";
import { ToolError } from "shared/cli/tool-error";
import { reading } from "shared/fs/path-failure";
import { RESTORED_CHECKPOINT } from "shared/pod/checkpoint-markers";
import { type CheckpointMarker, SHARE } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import { openStore } from "../artifact/open-store.ts";
import { findArtifact } from "../artifact/pull.ts";
import type { PushResult } from "../artifact/push.ts";
import { type PushedArtifact, pushedObject } from "../artifact/result.ts";
import type { TransferContext } from "../artifact/transfer.ts";
import type { LayerPath } from "../layer/layer-path.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { podAnnotations } from "./provenance.ts";
import { checkpointOf } from "./resume.ts";
import type { CheckpointOrder } from "./sidecar-context.ts";
import type { SidecarPlan } from "./sidecar-plan.ts";
import { placeOnVolume } from "./volume-path.ts";

/**
 * Pushes a checkpoint. Each file becomes a separate layer. The title of this layer is the path of the file in the
 * checkpoint. If a file did not change since the last pushed checkpoint, the registry already has the layer, and the
 * sidecar does not send it again. Stops as soon as `order.ended` returns true, because the outputs of the attempt are
 * more important. Throws `noInput` if the checkpoint does not exist any more.
 */
export async function pushCheckpoint(
  order: CheckpointOrder,
  plan: SidecarPlan,
  context: TransferContext,
  volume: SharedVolume,
): Promise<PushedArtifact> {
  const over = new AbortController();
  const done = new AbortController();
  const watch = volume
    .until(order.ended, { names: [SHARE.done, SHARE.doneFailed], signal: done.signal })
    .then(() => over.abort(new ToolError("noInput", "the attempt has ended")))
    .catch(() => {});
  try {
    const signal = anySignal(context.signal, over.signal);
    return await pushFiles(order, plan, { ...context, signal });
  } finally {
    done.abort();
    await watch;
  }
}

async function pushFiles(
  { reference, checkpoint, annotations, confirm }: CheckpointOrder,
  plan: SidecarPlan,
  context: TransferContext,
): Promise<PushedArtifact> {
  const { pushArtifact } = await import("../artifact/push-artifact.ts");
  const folder = join(plan.share, SHARE.checkpoints, String(checkpoint.number));
  placeOnVolume(plan.share, folder, true);
  const layers = layersOf(folder);
  const artifact = {
    ...plan,
    annotations: { ...podAnnotations(context.env), ...plan.annotations, ...annotations },
    // A new checkpoint must replace the old checkpoint.
    noClobber: false,
    // No pod mounts a checkpoint.
    mountable: false,
    patterns: { include: [], exclude: [] },
  };
  const check = async () => {
    await confirm();
    if (plan.resume !== undefined) await checkNewest(checkpoint, reference, plan, context);
  };
  const [pushed] = await pushArtifact([reference], layers, artifact, context, check);
  context.log(`Pushed checkpoint ${checkpoint.number} as ${formatReference(reference)}`);
  // The pushed checkpoint is newer than the pulled checkpoint. Therefore, no attempt restores the pulled checkpoint any
  // more.
  await rm(join(plan.share, SHARE.checkpoints, RESTORED_CHECKPOINT), { recursive: true, force: true });
  return pushedObject(pushed as PushResult);
}

/**
 * Compares a checkpoint with the newest checkpoint in the registry. Throws `cannotCreate` if the checkpoint in the
 * registry has a higher number, or the same number but a different attempt. This happens if another pod has continued
 * the run.
 */
async function checkNewest(
  { number, attempt }: CheckpointMarker,
  reference: Reference,
  plan: SidecarPlan,
  context: TransferContext,
): Promise<void> {
  const name = formatReference(reference);
  const store = await openStore(reference, "pull,push", plan, context);
  const found = await findArtifact(store, name, reference.tag ?? "", undefined);
  if (found === undefined) return;
  const { annotations } = found.artifact;
  const newest = checkpointOf(annotations, name).number;
  // An earlier sidecar of this pod may have pushed this checkpoint and then died.
  if (newest < number || (newest === number && annotations[ANNOTATIONS.attempt] === attempt)) return;
  throw new ToolError("cannotCreate", `${name} already has the checkpoint ${newest}`, { why: "another pod pushed it" });
}

function layersOf(folder: string): LayerPath[] {
  const entries = reading(folder, () => readdirSync(folder, { recursive: true, withFileTypes: true }));
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path, title: relative(folder, path) }));
}
