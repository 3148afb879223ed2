import type { Log } from "wait-fs/log";
import { oneLine } from "wait-fs/tool-error";
import { type LayerPath, layerOf } from "./layer.ts";
import type { Annotations } from "./oci/descriptor.ts";
import { formatReference, type Reference } from "./oci/reference.ts";
import type { ArtifactPlan, PullPlan, RegistryPlan } from "./options.ts";
import { plainProgress } from "./progress.ts";
import { pull } from "./pull.ts";
import { createdAnnotation, push } from "./push.ts";
import { openRepository } from "./registry.ts";
import { type PulledArtifact, type PushedArtifact, pulledObject, pushedObject } from "./result.ts";

/** What a push or a pull gets of its process. */
export interface ArtifactContext {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly warn: Log;
  /** Seconds that failures are met with another try where the user does not say. */
  readonly retrySeconds?: number;
}

/** Pushes paths as one artifact, as the command line wants it. `confirm` is called before the tag is written. */
export async function pushArtifact(
  reference: Reference,
  paths: readonly LayerPath[],
  plan: RegistryPlan & ArtifactPlan,
  context: ArtifactContext,
  confirm?: () => Promise<void>,
): Promise<PushedArtifact> {
  const epoch = sourceDateEpoch(context.env);
  const report = (message: string) => context.warn(oneLine(message));
  const layers = await Promise.all(paths.map((path) => layerOf(path, { level: plan.level, latest: epoch, report })));
  const repository = openRepository(reference, "pull,push", plan, { ...context, debug: context.log });
  const created = createdAnnotation(epoch === undefined ? new Date() : new Date(epoch * 1000));
  const artifact = { artifactType: plan.artifactType, annotations: { ...created, ...plan.annotations } };
  const options = { concurrency: plan.concurrency, progress: plainProgress(context.log), confirm };
  return pushedObject(reference, await push(repository, layers, artifact, reference.tag, options));
}

/**
 * Pulls artifacts into one folder, one after the other, as the command line wants it. `accept` sees the annotations of
 * each before anything of it is fetched.
 */
export async function pullArtifacts(
  references: readonly Reference[],
  place: Pick<PullPlan, "folder" | "keepOldFiles">,
  plan: RegistryPlan,
  context: ArtifactContext,
  accept?: (reference: Reference, annotations: Annotations) => void,
): Promise<PulledArtifact[]> {
  const pulled: PulledArtifact[] = [];
  for (const reference of references) {
    const repository = openRepository(reference, "pull", plan, { ...context, debug: context.log });
    const result = await pull(repository, formatReference(reference), pointer(reference), {
      ...place,
      concurrency: plan.concurrency,
      progress: plainProgress(context.log),
      accept: (annotations) => accept?.(reference, annotations),
    });
    pulled.push(pulledObject(reference, result));
  }
  return pulled;
}

/** What names a manifest within its repository. */
function pointer({ tag, digest }: Reference): string {
  return digest ?? tag ?? "latest";
}

/** The time that stands for "now", for builds that are to give the same bytes: seconds since 1970. */
function sourceDateEpoch(env: NodeJS.ProcessEnv): number | undefined {
  const text = env.SOURCE_DATE_EPOCH;
  return text !== undefined && /^\d{1,11}$/.test(text) ? Number(text) : undefined;
}
