import type { Log } from "shared/cli/log";
import { oneLine, ToolError } from "shared/cli/tool-error";
import type { Format } from "../layer/compression.ts";
import { filesLayer } from "../layer/files-layer.ts";
import { folderType } from "../layer/folder-type.ts";
import { layerOf } from "../layer/layer.ts";
import { type LayerPath, titleOf } from "../layer/layer-path.ts";
import type { LayerOptions, LayerSource } from "../layer/layer-source.ts";
import { NotMountableError } from "../layer/mountable-entries.ts";
import { Threads } from "../layer/threads.ts";
import type { Annotations } from "../oci/descriptor.ts";
import type { AnyReference } from "../oci/reference.ts";
import type { Patterns } from "../tar/selection.ts";
import type { Mountable } from "./artifact-manifest.ts";
import { checkLayerCount } from "./image.ts";
import { groupByStore, openStore } from "./open-store.ts";
import { createdAnnotation, type Destination, type PushResult, push } from "./push.ts";
import type { TransferContext, TransferPlan } from "./transfer.ts";

/** The content of an annotation file, in the format of `oras push --annotation-file`. */
export interface AnnotationFile {
  /** Annotations of the manifest. */
  readonly manifest: Annotations;
  /** Annotations of the config descriptor. */
  readonly config: Annotations;
  /** Annotations of layers. Each key is a pushed path or a layer's title. */
  readonly layers: ReadonlyMap<string, Annotations>;
}

/** The settings for an artifact, except its paths. */
export interface ArtifactPlan {
  readonly artifactType: string | undefined;
  /**
   * Annotations of the manifest. Each one overrides the manifest annotation of the same name in the annotation file.
   */
  readonly annotations: Annotations;
  readonly annotationFile: AnnotationFile;
  /** The compression level. For gzip, the level is 1 to 9, or 0 to store folders uncompressed. */
  readonly level: number;
  /** The format of compressed folders. The default is gzip. */
  readonly compression?: Format;
  /** Patterns that select which entries of a folder are pushed. */
  readonly patterns: Patterns;
  /**
   * If true, a tag that already points to different content makes the push fail. If false, the push overwrites the tag.
   */
  readonly noClobber: boolean;
  /** Whether to make the artifact mountable as an image. The default is false. */
  readonly mountable?: boolean;
  /** Whether to skip unreadable paths in folders. By default, an unreadable path is an error. */
  readonly skipUnreadable?: boolean;
}

/**
 * Pushes paths as one artifact to every reference. Calls `confirm` after the upload, but before any tag is written.
 * Throws `noInput` if a path cannot be read. Throws a usage error if `SOURCE_DATE_EPOCH` is invalid.
 */
export async function pushArtifact(
  references: readonly AnyReference[],
  paths: readonly LayerPath[],
  plan: TransferPlan & ArtifactPlan,
  context: TransferContext,
  confirm?: () => Promise<void>,
): Promise<PushResult[]> {
  const epoch = sourceDateEpoch(context.env);
  const report = (message: string) => context.warn(oneLine(message));
  const annotations = layerAnnotations(plan.annotationFile, paths, report);
  const { level, compression, patterns, skipUnreadable, mountable = false } = plan;
  const threads = new Threads();
  const { signal } = context;
  const common = { report, annotations, signal, threads, mountable };
  const options = { level, format: compression, patterns, skipUnreadable, latest: epoch, ...common };
  const layers = await Promise.all(paths.map((path) => layerOf(path, options)));
  const destinations = await openDestinations(references, plan, context);
  const created = createdAnnotation(epoch === undefined ? new Date() : new Date(epoch * 1000));
  const artifact = {
    artifactType: plan.artifactType,
    annotations: { ...created, ...plan.annotationFile.manifest, ...plan.annotations },
    configAnnotations: plan.annotationFile.config,
    mountable: mountable && layers.length > 0 ? await mountableOf(paths, layers, options) : undefined,
  };
  const { concurrency, noClobber } = plan;
  try {
    return await push(destinations, layers, artifact, { concurrency, noClobber, progress: context.progress, confirm });
  } finally {
    await threads.close();
  }
}

/**
 * Prepares the image of an artifact. Throws {@link NotMountableError} if a layer cannot be part of an image, or if
 * there are too many layers.
 */
async function mountableOf(
  paths: readonly LayerPath[],
  layers: readonly LayerSource[],
  options: LayerOptions,
): Promise<Mountable> {
  const folders = layers.filter(({ describeArchive }) => describeArchive !== undefined);
  const type = folderType(options.format);
  const other = folders.find(({ mediaType }) => mediaType !== type);
  if (other !== undefined)
    throw new NotMountableError(
      other.title,
      `a folder in an image has the media type ${type}`,
      "push the folder without a media type",
    );
  const files = paths.filter((_, index) => layers[index]?.describeArchive === undefined);
  checkLayerCount(folders.length + (files.length > 0 ? 1 : 0));
  return { files: files.length > 0 ? await filesLayer(files, options) : undefined };
}

/** Opens the stores of the references. Opens each store only once. */
function openDestinations(
  references: readonly AnyReference[],
  plan: TransferPlan,
  context: TransferContext,
): Promise<Destination[]> {
  const open = async (group: readonly AnyReference[]) => {
    const store = await openStore(group[0] as AnyReference, "pull,push", plan, context);
    return { store, references: group };
  };
  return Promise.all(groupByStore(references).map(open));
}

/**
 * First reports each key of `layers` that matches no pushed path. Then returns a function that finds the annotations of
 * a layer in the annotation file.
 */
function layerAnnotations({ layers }: AnnotationFile, paths: readonly LayerPath[], report: Log) {
  const names = new Set(paths.flatMap(({ path }) => [path, titleOf(path)]));
  for (const name of layers.keys())
    if (!names.has(name)) report(`--annotation-file: no pushed path matches ${JSON.stringify(name)}`);
  return ({ path }: LayerPath) => ({ ...layers.get(titleOf(path)), ...layers.get(path) });
}

/**
 * Reads the variable `SOURCE_DATE_EPOCH`, a time in seconds since 1970. This time replaces the current time, so that a
 * push is reproducible. Throws a usage error if the variable is invalid.
 */
function sourceDateEpoch({ SOURCE_DATE_EPOCH: text }: NodeJS.ProcessEnv): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new ToolError("usage", `SOURCE_DATE_EPOCH must be a number of seconds since 1970, not ${JSON.stringify(text)}`);
}
