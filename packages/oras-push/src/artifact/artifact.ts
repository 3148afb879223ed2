import { join } from "node:path";
import type { Log } from "shared/cli/log";
import { describeError, type FailureCode, oneLine, ToolError } from "shared/cli/tool-error";
import { layerOf } from "../layer/layer.ts";
import { type LayerPath, titleOf } from "../layer/layer-path.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { type AnyReference, formatReference, isTag } from "../oci/reference.ts";
import type { AnnotationFile } from "../options/annotation-file.ts";
import type { ArtifactPlan } from "../options/artifact.ts";
import type { PullPlan } from "../options/pull.ts";
import type { RegistryPlan } from "../options/registry.ts";
import { unfitInput } from "../sidecar/run-outcome.ts";
import { byPlace, openPlace } from "./place.ts";
import type { Progress } from "./progress.ts";
import { findArtifact, pull } from "./pull.ts";
import { createdAnnotation, type PushResult, push } from "./push.ts";
import { type LeftArtifact, type PulledArtifact, pulledObject } from "./result.ts";

/** What a push or a pull gets of its process. */
export interface ArtifactContext {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly warn: Log;
  readonly progress: Progress;
  /** Seconds that failures are met with another try where the user does not say. */
  readonly retrySeconds?: number;
}

/** Pushes paths as one artifact to every reference, as the command line wants it. `confirm` is called before a tag is written. */
export async function pushArtifact(
  references: readonly AnyReference[],
  paths: readonly LayerPath[],
  plan: RegistryPlan & ArtifactPlan,
  context: ArtifactContext,
  confirm?: () => Promise<void>,
): Promise<PushResult[]> {
  const epoch = sourceDateEpoch(context.env);
  const report = (message: string) => context.warn(oneLine(message));
  const annotations = layerAnnotations(plan.annotationFile, paths, report);
  const { level, patterns } = plan;
  const options = { level, patterns, latest: epoch, report, annotations, signal: context.signal };
  const layers = await Promise.all(paths.map((path) => layerOf(path, options)));
  const destinations = await Promise.all(
    byPlace(references).map(async ([first, ...others]) => {
      const reference = first as AnyReference;
      const target = await openPlace(reference, "pull,push", plan, { ...context, debug: context.log });
      return { target, references: [reference, ...others] };
    }),
  );
  const created = createdAnnotation(epoch === undefined ? new Date() : new Date(epoch * 1000));
  const artifact = {
    artifactType: plan.artifactType,
    annotations: { ...created, ...plan.annotationFile.manifest, ...plan.annotations },
    configAnnotations: plan.annotationFile.config,
  };
  const { concurrency, noClobber } = plan;
  return push(destinations, layers, artifact, { concurrency, noClobber, progress: context.progress, confirm });
}

/** Sees an artifact's annotations before anything of it is fetched, and throws for one that is not to be had. */
export type Accept = (reference: AnyReference, annotations: Annotations) => void;

/**
 * A look at which artifacts are not there yet; one that was found is not looked for again. Each that is found is shown to
 * `accept` at once.
 */
export async function missingArtifacts(
  references: readonly AnyReference[],
  plan: RegistryPlan,
  context: ArtifactContext,
  accept?: Accept,
): Promise<() => Promise<readonly AnyReference[]>> {
  const open = async (reference: AnyReference) => ({
    reference,
    source: await openPlace(reference, "pull", plan, { ...context, debug: context.log }),
  });
  let missing = await Promise.all(references.map(open));
  return async () => {
    const still: typeof missing = [];
    for (const place of missing) {
      const { source, reference } = place;
      const show = (annotations: Annotations) => accept?.(reference, annotations);
      const found = await findArtifact(source, formatReference(reference), pointer(reference), show);
      if (found === undefined) still.push(place);
    }
    missing = still;
    return missing.map(({ reference }) => reference);
  };
}

/**
 * Pulls artifacts into one folder, one after the other, as the command line wants it. `accept` sees the annotations of
 * each before anything of it is fetched, and throws for one that is not to be had.
 */
export async function pullArtifacts(
  references: readonly AnyReference[],
  place: Pick<PullPlan, "folder" | "keepOldFiles">,
  plan: RegistryPlan,
  context: ArtifactContext,
  accept?: Accept,
): Promise<PulledArtifact[]> {
  const shared = { ...place, concurrency: plan.concurrency, progress: context.progress };
  const pulled: PulledArtifact[] = [];
  for (const reference of references) {
    const source = await openPlace(reference, "pull", plan, { ...context, debug: context.log });
    const options = { ...shared, accept: (annotations: Annotations) => accept?.(reference, annotations) };
    const result = await pull(source, formatReference(reference), pointer(reference), options);
    pulled.push(pulledObject(reference, result));
  }
  return pulled;
}

/** What a pull of all tags came to. */
export interface PulledTags {
  readonly pulled: readonly PulledArtifact[];
  /** The tags that were left, with their reasons. */
  readonly left: readonly LeftArtifact[];
}

/**
 * Pulls every tag of a repository or a layout, each into a folder of its own. A tag that cannot be pulled is left, and told
 * with its reason; the others are pulled all the same. Outputs of runs that failed are pulled too, and told. Throws
 * `registry` where there are no tags, and at once what concerns every tag: a registry that cannot be reached or refuses us.
 */
export async function pullAll(
  repository: AnyReference,
  place: Pick<PullPlan, "folder" | "keepOldFiles">,
  plan: RegistryPlan,
  context: ArtifactContext,
): Promise<PulledTags> {
  const source = await openPlace(repository, "pull", plan, { ...context, debug: context.log });
  const tags = await source.listTags();
  const name = formatReference(repository);
  if (tags.length === 0) throw new ToolError("registry", `there is no artifact in ${name}`, { why: "it has no tags" });
  const options = { keepOldFiles: place.keepOldFiles, concurrency: plan.concurrency, progress: context.progress };
  const pulled: PulledArtifact[] = [];
  const left: LeftArtifact[] = [];
  for (const tag of tags) {
    const reference = { ...repository, tag };
    const title = formatReference(reference);
    const accept = (annotations: Annotations) => {
      const unfit = unfitInput(annotations);
      if (unfit !== undefined) context.warn(`${title} is pulled too: ${unfit}`);
    };
    try {
      if (!isTag(tag)) throw new ToolError("registry", `${name} has a tag that is none: ${JSON.stringify(tag)}`);
      const folder = join(place.folder, tag);
      pulled.push(pulledObject(reference, await pull(source, title, tag, { ...options, folder, accept })));
    } catch (error) {
      if (!(error instanceof ToolError) || CONCERNS_ALL.has(error.code)) throw error;
      context.warn(`left ${title}: ${describeError(error)}`);
      left.push({ reference: title, failure: error });
    }
  }
  return { pulled, left };
}

/** Failures that the next tag would meet as well. */
const CONCERNS_ALL: ReadonlySet<FailureCode> = new Set(["unavailable", "notAuthorised"]);

/** What names a manifest within its repository. */
function pointer({ tag, digest }: AnyReference): string {
  return digest ?? tag ?? "latest";
}

/** The annotations of each layer, which the file has under its path or its title; what it has for no path is told. */
function layerAnnotations({ layers }: AnnotationFile, paths: readonly LayerPath[], report: Log) {
  const names = new Set(paths.flatMap(({ path }) => [path, titleOf(path)]));
  for (const name of layers.keys())
    if (!names.has(name)) report(`--annotation-file names ${JSON.stringify(name)}, which is not pushed`);
  return ({ path }: LayerPath) => ({ ...layers.get(titleOf(path)), ...layers.get(path) });
}

/** The time that stands for "now", for builds that are to give the same bytes: seconds since 1970. Throws `usage`. */
function sourceDateEpoch({ SOURCE_DATE_EPOCH: text }: NodeJS.ProcessEnv): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new ToolError("usage", `SOURCE_DATE_EPOCH is seconds since 1970, not ${JSON.stringify(text)}`);
}
